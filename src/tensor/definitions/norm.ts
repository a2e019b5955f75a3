import {
  asMatrix,
  type Call,
  lastDim,
  needDim,
  needDType,
  needRank,
  needSameDims,
  numberAttribute,
  type OpDefinition,
  type OutputType,
  sizeOf,
} from "../definition.ts";

const NO_SECOND = { nondifferentiable: "second derivatives are not needed by any training stage" };

function inferNorm(call: Call): readonly OutputType[] {
  needDType(call, 0, "x", "f32");
  for (let i = 1; i < call.inputs.length; i++) {
    needRank(call, i, i === 1 ? "weight" : "bias", 1);
    needDim(call, i === 1 ? "weight" : "bias", lastDim(call, 0), call.inputs[i].dims[0]);
  }
  return [{ dims: call.inputs[0].dims, dtype: "f32" }];
}

export const layerNorm: OpDefinition = {
  equation: "y = (x − mean) / √(var + eps) · w + b over the last axis, biased variance",
  effect: "pure",
  infer: inferNorm,
  flops: ({ outputs: [y] }) => 8 * sizeOf(y),
  reference: ({ inputs: [x, w, b], attributes }) => {
    const { rows, width } = asMatrix(x.extents);
    const y = new Float64Array(x.data.length);
    for (let r = 0; r < rows; r++) {
      const row = x.data.subarray(r * width, (r + 1) * width);
      const { mean, inverse } = moments(row, numberAttribute(attributes, "eps"));
      for (let c = 0; c < width; c++) y[r * width + c] = (row[c] - mean) * inverse * w.data[c] + b.data[c];
    }
    return [y];
  },
  vjp: (emit, { inputs: [x, w], gradients: [dy], attributes }) =>
    dy === undefined ? [] : emit("layerNormBackward", [x, w, dy], attributes),
};

export const layerNormBackward: OpDefinition = {
  equation: "gradients of layerNorm for x, w, b",
  effect: "pure",
  infer: (call) => {
    const [x, w, dy] = call.inputs;
    needSameDims(call, "dy", x.dims, dy.dims);
    const row: OutputType = { dims: w.dims, dtype: "f32" };
    return [{ dims: x.dims, dtype: "f32" }, row, row];
  },
  flops: ({ inputs: [x] }) => 16 * sizeOf(x),
  reference: ({ inputs: [x, w, dy], attributes }) => {
    const { rows, width } = asMatrix(x.extents);
    const dx = new Float64Array(x.data.length);
    const dw = new Float64Array(width);
    const db = new Float64Array(width);
    for (let r = 0; r < rows; r++) {
      const at = r * width;
      const { mean, inverse } = moments(x.data.subarray(at, at + width), numberAttribute(attributes, "eps"));
      let sum = 0;
      let dot = 0;
      for (let c = 0; c < width; c++) {
        const hat = (x.data[at + c] - mean) * inverse;
        const g = dy.data[at + c] * w.data[c];
        sum += g;
        dot += g * hat;
        dw[c] += dy.data[at + c] * hat;
        db[c] += dy.data[at + c];
      }
      for (let c = 0; c < width; c++) {
        const hat = (x.data[at + c] - mean) * inverse;
        dx[at + c] = inverse * (dy.data[at + c] * w.data[c] - (sum + hat * dot) / width);
      }
    }
    return [dx, dw, db];
  },
  vjp: NO_SECOND,
};

export const rmsNorm: OpDefinition = {
  equation: "y = x / √(mean(x²) + eps) · w over the last axis",
  effect: "pure",
  infer: inferNorm,
  flops: ({ outputs: [y] }) => 5 * sizeOf(y),
  reference: ({ inputs: [x, w], attributes }) => {
    const { rows, width } = asMatrix(x.extents);
    const y = new Float64Array(x.data.length);
    for (let r = 0; r < rows; r++) {
      const row = x.data.subarray(r * width, (r + 1) * width);
      const inverse = inverseRootMeanSquare(row, numberAttribute(attributes, "eps"));
      for (let c = 0; c < width; c++) y[r * width + c] = row[c] * inverse * w.data[c];
    }
    return [y];
  },
  vjp: (emit, { inputs: [x, w], gradients: [dy], attributes }) =>
    dy === undefined ? [] : emit("rmsNormBackward", [x, w, dy], attributes),
};

export const rmsNormBackward: OpDefinition = {
  equation: "gradients of rmsNorm for x, w",
  effect: "pure",
  infer: (call) => {
    const [x, w, dy] = call.inputs;
    needSameDims(call, "dy", x.dims, dy.dims);
    return [
      { dims: x.dims, dtype: "f32" },
      { dims: w.dims, dtype: "f32" },
    ];
  },
  flops: ({ inputs: [x] }) => 10 * sizeOf(x),
  reference: ({ inputs: [x, w, dy], attributes }) => {
    const { rows, width } = asMatrix(x.extents);
    const dx = new Float64Array(x.data.length);
    const dw = new Float64Array(width);
    for (let r = 0; r < rows; r++) {
      const at = r * width;
      const inverse = inverseRootMeanSquare(x.data.subarray(at, at + width), numberAttribute(attributes, "eps"));
      let dot = 0;
      for (let c = 0; c < width; c++) {
        const hat = x.data[at + c] * inverse;
        dot += dy.data[at + c] * w.data[c] * hat;
        dw[c] += dy.data[at + c] * hat;
      }
      for (let c = 0; c < width; c++) {
        const hat = x.data[at + c] * inverse;
        dx[at + c] = inverse * (dy.data[at + c] * w.data[c] - (hat * dot) / width);
      }
    }
    return [dx, dw];
  },
  vjp: NO_SECOND,
};

export const l2Norm: OpDefinition = {
  equation: "y = x / √(Σ x² + eps) over the last axis",
  effect: "pure",
  infer: inferNorm,
  flops: ({ outputs: [y] }) => 4 * sizeOf(y),
  reference: ({ inputs: [x], attributes }) => {
    const { rows, width } = asMatrix(x.extents);
    const y = new Float64Array(x.data.length);
    for (let r = 0; r < rows; r++) {
      let sum = numberAttribute(attributes, "eps");
      for (let c = 0; c < width; c++) sum += x.data[r * width + c] ** 2;
      for (let c = 0; c < width; c++) y[r * width + c] = x.data[r * width + c] / Math.sqrt(sum);
    }
    return [y];
  },
  vjp: { nondifferentiable: "it serves the delta net alone, whose training is not part of this release" },
};

function moments(row: Float64Array, eps: number): { readonly mean: number; readonly inverse: number } {
  const mean = row.reduce((sum, v) => sum + v, 0) / row.length;
  const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length;
  return { mean, inverse: 1 / Math.sqrt(variance + eps) };
}

function inverseRootMeanSquare(row: Float64Array, eps: number): number {
  return 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / row.length + eps);
}
