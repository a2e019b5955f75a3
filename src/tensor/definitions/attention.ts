import {
  type Call,
  needDim,
  needDType,
  needRank,
  numberAttribute,
  type OpDefinition,
  type ReferenceArray,
  sizeOf,
} from "../definition.ts";
import { ShapeError } from "../errors.ts";

/** Checks q [H, N, C], k and v [G, M, C] and that G divides H (grouped-query attention). */
export function checkHeads(call: Call): void {
  for (const [i, what] of ["q", "k", "v"].entries()) {
    needDType(call, i, what, "f32");
    needRank(call, i, what, 3);
  }
  const [q, k, v] = call.inputs;
  needDim(call, "the heads of v", k.dims[0], v.dims[0]);
  needDim(call, "the rows of v", k.dims[1], v.dims[1]);
  needDim(call, "the head width of k", q.dims[2], k.dims[2]);
  checkGroups(call, q.dims[0].capacity, k.dims[0].capacity);
}

export function checkGroups(call: Call, heads: number, groups: number): void {
  if (heads % groups !== 0) {
    throw new ShapeError(call.op, `${heads} query heads cannot share ${groups} key-value heads evenly`);
  }
}

function checkSpans(call: Call, index: number): void {
  needDType(call, index, "spans", "i32");
  needRank(call, index, "spans", 2);
  needDim(call, "spans", call.inputs[0].dims[1], call.inputs[index].dims[0]);
}

/**
 * Row n of the queries sees keys begin[n] ≤ m < end[n], spans[n] = (begin, end). One form serves every mask: views packed
 * one after another, causal text, packed training samples, 2×2 windows, and the resampler's queries over their view.
 */
export const attention: OpDefinition = {
  equation: "y[h, n] = Σₘ softmax(scale · q[h, n]·k[g, m])ₘ v[g, m] over m in spans[n], g = h ÷ (H/G)",
  effect: "pure",
  infer: (call) => {
    checkHeads(call);
    checkSpans(call, 3);
    const [q, , v] = call.inputs;
    return [{ dims: [q.dims[0], q.dims[1], v.dims[2]], dtype: "f32" }];
  },
  flops: ({ inputs: [q, k] }) => 4 * sizeOf(q) * (k[1] ?? 1),
  reference: ({ inputs: [q, k, v, spans], attributes, outputs: [shape] }) => {
    const y = new Float64Array(sizeOf(shape));
    const width = v.extents[2];
    forEachRow(q, k, spans, numberAttribute(attributes, "scale"), ({ row, keyBase, begin, weights }) => {
      for (const [i, weight] of weights.entries()) {
        const at = (keyBase + begin + i) * width;
        for (let c = 0; c < width; c++) y[row * width + c] += weight * v.data[at + c];
      }
    });
    return [y];
  },
  vjp: (emit, { inputs: [q, k, v, spans], gradients: [dy], attributes }) =>
    dy === undefined ? [] : [...emit("attentionBackward", [q, k, v, spans, dy], attributes), undefined],
};

export const attentionBackward: OpDefinition = {
  equation: "gradients of attention for q, k, v, probabilities recomputed",
  effect: "pure",
  infer: (call) => {
    checkHeads(call);
    checkSpans(call, 3);
    return call.inputs.slice(0, 3).map(({ dims }) => ({ dims, dtype: "f32" }) as const);
  },
  flops: ({ inputs: [q, k] }) => 10 * sizeOf(q) * (k[1] ?? 1),
  reference: ({ inputs: [q, k, v, spans, dy], attributes }) => {
    const scale = numberAttribute(attributes, "scale");
    const dq = new Float64Array(q.data.length);
    const dk = new Float64Array(k.data.length);
    const dv = new Float64Array(v.data.length);
    const width = q.extents[2];
    const valueWidth = v.extents[2];
    forEachRow(q, k, spans, scale, ({ row, keyBase, begin, weights }) => {
      const dWeights = weights.map((weight, i) => {
        const at = (keyBase + begin + i) * valueWidth;
        let dot = 0;
        for (let c = 0; c < valueWidth; c++) {
          dot += dy.data[row * valueWidth + c] * v.data[at + c];
          dv[at + c] += weight * dy.data[row * valueWidth + c];
        }
        return dot;
      });
      const mean = weights.reduce((sum, weight, i) => sum + weight * dWeights[i], 0);
      for (const [i, weight] of weights.entries()) {
        const dScore = scale * weight * (dWeights[i] - mean);
        const at = (keyBase + begin + i) * width;
        for (let c = 0; c < width; c++) {
          dq[row * width + c] += dScore * k.data[at + c];
          dk[at + c] += dScore * q.data[row * width + c];
        }
      }
    });
    return [dq, dk, dv];
  },
  vjp: { nondifferentiable: "second derivatives are not needed by any training stage" },
};

interface AttentionRow {
  /** Row of q and y, heads and rows counted together. */
  readonly row: number;
  /** First row of the key-value head in k and v. */
  readonly keyBase: number;
  readonly begin: number;
  /** Softmax weights of keys begin … */
  readonly weights: Float64Array;
}

function forEachRow(
  q: ReferenceArray,
  k: ReferenceArray,
  spans: ReferenceArray,
  scale: number,
  visit: (row: AttentionRow) => void,
): void {
  const [heads, rows, width] = q.extents;
  const [groups, keys] = k.extents;
  for (let h = 0; h < heads; h++) {
    const keyBase = Math.floor(h / (heads / groups)) * keys;
    for (let n = 0; n < rows; n++) {
      const begin = spans.data[2 * n];
      const row = h * rows + n;
      const weights = softmax(Math.max(0, spans.data[2 * n + 1] - begin), (i) => {
        let dot = 0;
        const at = (keyBase + begin + i) * width;
        for (let c = 0; c < width; c++) dot += q.data[row * width + c] * k.data[at + c];
        return scale * dot;
      });
      visit({ row, keyBase, begin, weights });
    }
  }
}

/** Softmax of `count` scores; none for an empty span. */
export function softmax(count: number, score: (i: number) => number): Float64Array {
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i++) weights[i] = score(i);
  const top = weights.reduce((max, s) => Math.max(max, s), -Infinity);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    weights[i] = Math.exp(weights[i] - top);
    sum += weights[i];
  }
  return weights.map((w) => w / sum);
}
