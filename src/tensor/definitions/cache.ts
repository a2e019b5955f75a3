import { float16ToNumber, numberToFloat16 } from "../../base/float16.ts";
import { needDim, needDType, needRank, numberAttribute, type OpDefinition, sizeOf } from "../definition.ts";
import { checkGroups, softmax } from "./attention.ts";

const NO_CACHE_GRADIENT = { nondifferentiable: "it works on a cache that outlives the replay" };

/** Writes the rows of this step into their slots; a slot is page · pageSize + offset, chosen by the runtime. */
export const appendRows: OpDefinition = {
  equation: "cache′[slots[t], g] = rows[g, t], the rest unchanged",
  effect: "state",
  infer: (call) => {
    const [cache, rows, slots] = call.inputs;
    needRank(call, 0, "cache", 3);
    needRank(call, 1, "rows", 3);
    needDType(call, 1, "rows", "f32");
    needDType(call, 2, "slots", "i32");
    needDim(call, "the heads of the rows", cache.dims[1], rows.dims[0]);
    needDim(call, "the head width of the rows", cache.dims[2], rows.dims[2]);
    needDim(call, "slots", rows.dims[1], slots.dims[0]);
    return [{ dims: cache.dims, dtype: cache.dtype }];
  },
  flops: () => 0,
  reference: ({ inputs: [cache, rows, slots], attributes }) => {
    const [, groups, width] = cache.extents;
    const count = rows.extents[1];
    const store = attributes.isHalf === true ? (v: number) => float16ToNumber(numberToFloat16(v)) : (v: number) => v;
    const next = cache.data.slice();
    for (let g = 0; g < groups; g++) {
      for (let t = 0; t < count; t++) {
        const at = (slots.data[t] * groups + g) * width;
        for (let c = 0; c < width; c++) next[at + c] = store(rows.data[(g * count + t) * width + c]);
      }
    }
    return [next];
  },
  vjp: NO_CACHE_GRADIENT,
};

/**
 * Attention over cached keys and values. rows[t] = (sequence, length): row t sees the first `length` positions of its
 * sequence; position p lies in slot table[sequence][p ÷ pageSize] · pageSize + p mod pageSize. Prefill, decode, beams
 * and batches of unrelated requests are the same operation with other tables.
 */
export const attentionCached: OpDefinition = {
  equation: "y[h, t] = Σₚ softmax(scale · q[h, t]·K[slot(p), g])ₚ V[slot(p), g] over p < length[t]",
  effect: "state",
  infer: (call) => {
    const [q, keys, values, , rows] = call.inputs;
    needDType(call, 0, "q", "f32");
    needRank(call, 0, "q", 3);
    needRank(call, 1, "keys", 3);
    needRank(call, 2, "values", 3);
    needDType(call, 3, "table", "i32");
    needRank(call, 3, "table", 2);
    needDType(call, 4, "rows", "i32");
    needDim(call, "the slots of the values", keys.dims[0], values.dims[0]);
    needDim(call, "the heads of the values", keys.dims[1], values.dims[1]);
    needDim(call, "the head width of the keys", q.dims[2], keys.dims[2]);
    needDim(call, "rows", q.dims[1], rows.dims[0]);
    needRank(call, 4, "rows", 2);
    checkGroups(call, q.dims[0].capacity, keys.dims[1].capacity);
    return [{ dims: [q.dims[0], q.dims[1], values.dims[2]], dtype: "f32" }];
  },
  flops: ({ inputs: [q, keys] }) => 4 * sizeOf(q) * (keys[0] ?? 1),
  reference: ({ inputs: [q, keys, values, table, rows], attributes, outputs: [shape] }) => {
    const [heads, count, width] = q.extents;
    const groups = keys.extents[1];
    const pages = table.extents[1];
    const pageSize = numberAttribute(attributes, "pageSize");
    const scale = numberAttribute(attributes, "scale");
    const y = new Float64Array(sizeOf(shape));
    for (let t = 0; t < count; t++) {
      const sequence = rows.data[2 * t];
      const slotOf = (p: number): number =>
        table.data[sequence * pages + Math.floor(p / pageSize)] * pageSize + (p % pageSize);
      for (let h = 0; h < heads; h++) {
        const g = Math.floor(h / (heads / groups));
        const row = (h * count + t) * width;
        const weights = softmax(rows.data[2 * t + 1], (p) => {
          const at = (slotOf(p) * groups + g) * width;
          let dot = 0;
          for (let c = 0; c < width; c++) dot += q.data[row + c] * keys.data[at + c];
          return scale * dot;
        });
        for (const [p, weight] of weights.entries()) {
          const at = (slotOf(p) * groups + g) * width;
          for (let c = 0; c < width; c++) y[row + c] += weight * values.data[at + c];
        }
      }
    }
    return [y];
  },
  vjp: NO_CACHE_GRADIENT,
};
