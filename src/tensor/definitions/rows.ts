import {
  asMatrix,
  lastDim,
  needDim,
  needDType,
  needLength,
  needRank,
  numberAttribute,
  type OpDefinition,
  sizeOf,
} from "../definition.ts";
import { ShapeError } from "../errors.ts";

const FREE = (): number => 0;
const NO_SECOND = { nondifferentiable: "second derivatives are not needed by any training stage" };

export const gatherRows: OpDefinition = {
  equation: "y[t] = table[ids[t]]",
  effect: "pure",
  infer: (call) => {
    needRank(call, 0, "table", 2);
    needDType(call, 1, "ids", "i32");
    needRank(call, 1, "ids", 1);
    return [{ dims: [call.inputs[1].dims[0], call.inputs[0].dims[1]], dtype: "f32" }];
  },
  flops: FREE,
  reference: ({ inputs: [table, ids] }) => {
    const width = table.extents[1];
    const y = new Float64Array(ids.data.length * width);
    for (const [t, id] of ids.data.entries()) y.set(table.data.subarray(id * width, (id + 1) * width), t * width);
    return [y];
  },
  vjp: (emit, { inputs: [table, ids], gradients: [dy] }) => [
    dy && emit("scatterAddRows", [dy, ids], {}, [table.dims[0]])[0],
    undefined,
  ],
};

export const scatterAddRows: OpDefinition = {
  equation: "y[v] = Σ x[t] over t with ids[t] = v",
  effect: "pure",
  infer: (call) => {
    needRank(call, 0, "x", 2);
    needDType(call, 1, "ids", "i32");
    needDim(call, "ids", call.inputs[0].dims[0], call.inputs[1].dims[0]);
    return [{ dims: [call.dims[0], lastDim(call, 0)], dtype: "f32" }];
  },
  flops: ({ inputs: [x] }) => sizeOf(x),
  reference: ({ inputs: [x, ids], outputs: [shape] }) => {
    const width = shape[1];
    const y = new Float64Array(sizeOf(shape));
    for (const [t, id] of ids.data.entries()) {
      for (let c = 0; c < width; c++) y[id * width + c] += x.data[t * width + c];
    }
    return [y];
  },
  vjp: (emit, { inputs: [, ids], gradients: [dy] }) => [dy && emit("gatherRows", [dy, ids])[0], undefined],
};

export const spliceRows: OpDefinition = {
  equation: "y = x, then y[at[r]] = rows[r]",
  effect: "pure",
  infer: (call) => {
    const [x, rows, at] = call.inputs;
    needRank(call, 0, "x", 2);
    needRank(call, 1, "rows", 2);
    needDType(call, 2, "at", "i32");
    needDim(call, "the width of the rows", x.dims[1], rows.dims[1]);
    needLength(call, "at", rows.dims[0], at.dims[0]);
    return [{ dims: x.dims, dtype: "f32" }];
  },
  flops: FREE,
  reference: ({ inputs: [x, rows, at] }) => {
    const width = x.extents[1];
    const y = x.data.slice();
    for (const [r, t] of at.data.entries()) y.set(rows.data.subarray(r * width, (r + 1) * width), t * width);
    return [y];
  },
  vjp: (emit, { inputs: [, rows, at], gradients: [dy], wanted }) => {
    if (dy === undefined) return [];
    const zeros = wanted[0] ? emit("scale", [rows], { factor: 0 })[0] : undefined;
    return [
      zeros && emit("spliceRows", [dy, zeros, at])[0],
      wanted[1] ? emit("gatherRows", [dy, at])[0] : undefined,
      undefined,
    ];
  },
};

export const foldRows: OpDefinition = {
  equation: "y[w] = x[4w] | x[4w+1] | … joined: consecutive rows side by side",
  effect: "pure",
  infer: (call) => {
    needRank(call, 0, "x", 2);
    const [rows, width] = call.inputs[0].dims;
    const [folded, joined] = call.dims;
    if (rows.capacity * width.capacity !== folded.capacity * joined.capacity) {
      throw new ShapeError(
        call.op,
        `${rows.capacity} rows of ${width.capacity} do not fold into ${folded.capacity} rows of ${joined.capacity}`,
      );
    }
    return [{ dims: [folded, joined], dtype: "f32" }];
  },
  flops: FREE,
  reference: ({ inputs: [x] }) => [x.data.slice()],
  vjp: (emit, { inputs: [x], gradients: [dy] }) => [dy && emit("foldRows", [dy], {}, x.dims)[0]],
};

export const meanRows: OpDefinition = {
  equation: "y[w] = mean of x[count·w … count·w + count − 1]",
  effect: "pure",
  infer: (call) => {
    needRank(call, 0, "x", 2);
    const count = numberAttribute(call.attributes, "count");
    const [rows, width] = call.inputs[0].dims;
    const [groups] = call.dims;
    if (rows.capacity !== groups.capacity * count) {
      throw new ShapeError(call.op, `${rows.capacity} rows are not ${groups.capacity} groups of ${count}`);
    }
    return [{ dims: [groups, width], dtype: "f32" }];
  },
  flops: ({ inputs: [x] }) => sizeOf(x),
  reference: ({ inputs: [x], outputs: [shape], attributes }) => {
    const { rows, width } = asMatrix(shape);
    const count = numberAttribute(attributes, "count");
    const y = new Float64Array(rows * width);
    for (let r = 0; r < rows * count; r++) {
      for (let c = 0; c < width; c++) y[Math.floor(r / count) * width + c] += x.data[r * width + c] / count;
    }
    return [y];
  },
  vjp: (emit, { inputs: [x], gradients: [dy], attributes }) => {
    if (dy === undefined) return [];
    const count = numberAttribute(attributes, "count");
    const shared = emit("scale", [dy], { factor: 1 / count })[0];
    return [emit("repeatRows", [shared], { count }, [x.dims[0]])[0]];
  },
};

export const repeatRows: OpDefinition = {
  equation: "y[n] = x[n ÷ count]",
  effect: "pure",
  infer: (call) => {
    needRank(call, 0, "x", 2);
    return [{ dims: [call.dims[0], call.inputs[0].dims[1]], dtype: "f32" }];
  },
  flops: FREE,
  reference: ({ inputs: [x], outputs: [shape], attributes }) => {
    const { rows, width } = asMatrix(shape);
    const count = numberAttribute(attributes, "count");
    const y = new Float64Array(rows * width);
    for (let r = 0; r < rows; r++) {
      const from = Math.floor(r / count) * width;
      y.set(x.data.subarray(from, from + width), r * width);
    }
    return [y];
  },
  vjp: NO_SECOND,
};

export const argmax: OpDefinition = {
  equation: "y[…] = the lowest index of the largest x[…, v]",
  effect: "pure",
  infer: (call) => {
    lastDim(call, 0);
    return [{ dims: call.inputs[0].dims.slice(0, -1), dtype: "i32" }];
  },
  flops: ({ inputs: [x] }) => sizeOf(x),
  reference: ({ inputs: [x] }) => {
    const { rows, width } = asMatrix(x.extents);
    const y = new Float64Array(rows);
    for (let r = 0; r < rows; r++) {
      for (let c = 1; c < width; c++) {
        if (x.data[r * width + c] > x.data[r * width + y[r]]) y[r] = c;
      }
    }
    return [y];
  },
  vjp: { nondifferentiable: "an index does not change smoothly" },
};
