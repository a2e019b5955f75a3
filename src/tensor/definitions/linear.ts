import {
  asMatrix,
  lastDim,
  needDim,
  needDType,
  needLength,
  needRank,
  type OpDefinition,
  sizeOf,
} from "../definition.ts";
import { ShapeError } from "../errors.ts";

export const linear: OpDefinition = {
  equation: "y[…, o] = Σᵢ x[…, i] · W[o, i] + b[o]",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    needRank(call, 1, "weight", 2);
    const [out, into] = call.inputs[1].dims;
    needDim(call, "the weight's input axis", lastDim(call, 0), into);
    if (call.inputs.length > 2) {
      needRank(call, 2, "bias", 1);
      needDim(call, "bias", out, call.inputs[2].dims[0]);
    }
    return [{ dims: [...call.inputs[0].dims.slice(0, -1), out], dtype: "f32" }];
  },
  flops: ({ inputs: [x], outputs: [y] }) => 2 * sizeOf(y) * (x[x.length - 1] ?? 1),
  reference: ({ inputs: [x, w, bias] }) => {
    const { rows, width } = asMatrix(x.extents);
    const outWidth = w.extents[0];
    const y = new Float64Array(rows * outWidth);
    for (let r = 0; r < rows; r++) {
      for (let o = 0; o < outWidth; o++) {
        let sum = bias === undefined ? 0 : bias.data[o];
        for (let i = 0; i < width; i++) sum += x.data[r * width + i] * w.data[o * width + i];
        y[r * outWidth + o] = sum;
      }
    }
    return [y];
  },
  vjp: (emit, { inputs, gradients: [dy], wanted }) => {
    if (dy === undefined) return [];
    const [x, w] = inputs;
    return [
      wanted[0] ? emit("transposedLinear", [dy, w])[0] : undefined,
      wanted[1] ? emit("outerSum", [dy, x])[0] : undefined,
      inputs.length > 2 && wanted[2] ? emit("sumRows", [dy])[0] : undefined,
    ];
  },
};

export const transposedLinear: OpDefinition = {
  equation: "y[…, o] = Σᵢ x[…, i] · W[i, o]",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    needRank(call, 1, "weight", 2);
    const [into, out] = call.inputs[1].dims;
    needDim(call, "the weight's input axis", lastDim(call, 0), into);
    return [{ dims: [...call.inputs[0].dims.slice(0, -1), out], dtype: "f32" }];
  },
  flops: ({ inputs: [x], outputs: [y] }) => 2 * sizeOf(y) * (x[x.length - 1] ?? 1),
  reference: ({ inputs: [x, w] }) => {
    const { rows, width } = asMatrix(x.extents);
    const outWidth = w.extents[1];
    const y = new Float64Array(rows * outWidth);
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < width; i++) {
        const v = x.data[r * width + i];
        for (let o = 0; o < outWidth; o++) y[r * outWidth + o] += v * w.data[i * outWidth + o];
      }
    }
    return [y];
  },
  vjp: (emit, { inputs: [x, w], gradients: [dy], wanted }) => {
    if (dy === undefined) return [];
    return [wanted[0] ? emit("linear", [dy, w])[0] : undefined, wanted[1] ? emit("outerSum", [x, dy])[0] : undefined];
  },
};

export const outerSum: OpDefinition = {
  equation: "y[a, b] = Σ over rows of u[…, a] · v[…, b]",
  effect: "pure",
  infer: (call) => {
    const [u, v] = call.inputs;
    if (u.dims.length !== v.dims.length) throw ShapeError.rank(call.op, "v", u.dims.length, v.dims);
    u.dims.slice(0, -1).forEach((d, i) => {
      needLength(call, `row axis ${i} of v`, d, v.dims[i]);
    });
    return [{ dims: [lastDim(call, 0), lastDim(call, 1)], dtype: "f32" }];
  },
  flops: ({ inputs: [u, v] }) => 2 * sizeOf(u) * (v[v.length - 1] ?? 1),
  reference: ({ inputs: [u, v] }) => {
    const { rows, width: a } = asMatrix(u.extents);
    const b = asMatrix(v.extents).width;
    const y = new Float64Array(a * b);
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < a; i++) {
        const x = u.data[r * a + i];
        for (let j = 0; j < b; j++) y[i * b + j] += x * v.data[r * b + j];
      }
    }
    return [y];
  },
  vjp: { nondifferentiable: "second derivatives are not needed by any training stage" },
};
