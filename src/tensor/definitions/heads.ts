import { asMatrix, lastDim, needDType, needLength, needRank, type OpDefinition } from "../definition.ts";
import { ShapeError } from "../errors.ts";

const FREE = (): number => 0;

export const splitHeads: OpDefinition = {
  equation: "y[h, n, c] = x[n, h·C + c]",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    needRank(call, 0, "x", 2);
    const [heads, width] = call.dims;
    const whole = lastDim(call, 0);
    if (heads.capacity * width.capacity !== whole.capacity) {
      throw new ShapeError(
        call.op,
        `${heads.capacity} heads of ${width.capacity} do not make width ${whole.axis}=${whole.capacity}`,
      );
    }
    return [{ dims: [heads, call.inputs[0].dims[0], width], dtype: "f32" }];
  },
  flops: FREE,
  reference: ({ inputs: [x], outputs: [[heads, rows, width]] }) => {
    const y = new Float64Array(x.data.length);
    for (let h = 0; h < heads; h++) {
      for (let n = 0; n < rows; n++) {
        for (let c = 0; c < width; c++) y[(h * rows + n) * width + c] = x.data[(n * heads + h) * width + c];
      }
    }
    return [y];
  },
  vjp: (emit, { inputs: [x], gradients: [dy] }) => [dy && emit("mergeHeads", [dy], {}, [x.dims[1]])[0]],
};

export const mergeHeads: OpDefinition = {
  equation: "y[n, h·C + c] = x[h, n, c]",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    needRank(call, 0, "x", 3);
    const [heads, rows, width] = call.inputs[0].dims;
    const [whole] = call.dims;
    if (heads.capacity * width.capacity !== whole.capacity) {
      throw new ShapeError(
        call.op,
        `${heads.capacity} heads of ${width.capacity} do not make width ${whole.axis}=${whole.capacity}`,
      );
    }
    return [{ dims: [rows, whole], dtype: "f32" }];
  },
  flops: FREE,
  reference: ({ inputs: [x] }) => {
    const [heads, rows, width] = x.extents;
    const y = new Float64Array(x.data.length);
    for (let h = 0; h < heads; h++) {
      for (let n = 0; n < rows; n++) {
        for (let c = 0; c < width; c++) y[(n * heads + h) * width + c] = x.data[(h * rows + n) * width + c];
      }
    }
    return [y];
  },
  vjp: (emit, { inputs: [x], gradients: [dy] }) => [dy && emit("splitHeads", [dy], {}, [x.dims[0], x.dims[2]])[0]],
};

export const splitColumns: OpDefinition = {
  equation: "x[…, w] cut along its last axis into consecutive parts",
  effect: "pure",
  infer: (call) => {
    const whole = lastDim(call, 0);
    const sum = call.dims.reduce((total, d) => total + d.capacity, 0);
    if (sum !== whole.capacity) {
      throw new ShapeError(call.op, `parts of ${sum} in all do not make width ${whole.axis}=${whole.capacity}`);
    }
    const lead = call.inputs[0].dims.slice(0, -1);
    return call.dims.map((d) => ({ dims: [...lead, d], dtype: "f32" }) as const);
  },
  flops: FREE,
  reference: ({ inputs: [x], outputs }) => {
    const { rows, width } = asMatrix(x.extents);
    let begin = 0;
    return outputs.map((shape) => {
      const part = shape[shape.length - 1];
      const y = new Float64Array(rows * part);
      for (let r = 0; r < rows; r++) {
        y.set(x.data.subarray(r * width + begin, r * width + begin + part), r * part);
      }
      begin += part;
      return y;
    });
  },
  vjp: (emit, { inputs: [x], outputs, gradients }) => {
    const parts = outputs.map((y, i) => gradients[i] ?? emit("scale", [y], { factor: 0 })[0]);
    return [emit("concatColumns", parts, {}, [x.dims[x.dims.length - 1]])[0]];
  },
};

export const concatColumns: OpDefinition = {
  equation: "parts joined along the last axis",
  effect: "pure",
  infer: (call) => {
    const [first] = call.inputs;
    for (const [i, part] of call.inputs.entries()) {
      needRank(call, i, `part ${i}`, first.dims.length);
      first.dims.slice(0, -1).forEach((d, axis) => {
        needLength(call, `row axis ${axis} of part ${i}`, d, part.dims[axis]);
      });
    }
    const sum = call.inputs.reduce((total, _, i) => total + lastDim(call, i).capacity, 0);
    const [whole] = call.dims;
    if (sum !== whole.capacity) {
      throw new ShapeError(call.op, `parts of ${sum} in all do not make width ${whole.axis}=${whole.capacity}`);
    }
    return [{ dims: [...first.dims.slice(0, -1), whole], dtype: "f32" }];
  },
  flops: FREE,
  reference: ({ inputs, outputs: [shape] }) => {
    const { rows, width } = asMatrix(shape);
    const y = new Float64Array(rows * width);
    let begin = 0;
    for (const part of inputs) {
      const partWidth = asMatrix(part.extents).width;
      for (let r = 0; r < rows; r++) {
        y.set(part.data.subarray(r * partWidth, (r + 1) * partWidth), r * width + begin);
      }
      begin += partWidth;
    }
    return [y];
  },
  vjp: (emit, { inputs, gradients: [dy] }) =>
    dy === undefined
      ? []
      : emit(
          "splitColumns",
          [dy],
          {},
          inputs.map((part) => part.dims[part.dims.length - 1]),
        ),
};
