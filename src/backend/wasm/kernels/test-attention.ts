import { randomFloats } from "./test-harness.ts";

/** One attention: shapes and what each row sees. */
export interface AttentionCase {
  readonly rows: number;
  readonly keys: number;
  readonly heads: number;
  readonly groups: number;
  readonly width: number;
  /** Row to (begin, end). */
  readonly span: (row: number) => readonly [number, number];
}

/** Every row sees `keys` keys. */
export const all = (keys: number) => (): readonly [number, number] => [0, keys];
/** Shapes that the models have, and the edges of blocks. */
export const ATTENTION_CASES: Readonly<Record<string, AttentionCase>> = {
  "one view": { rows: 130, keys: 130, heads: 2, groups: 2, width: 72, span: all(130) },
  "cross attention": { rows: 65, keys: 200, heads: 1, groups: 1, width: 128, span: all(200) },
  "2×2 windows": { rows: 64, keys: 64, heads: 2, groups: 2, width: 72, span: (n) => [n & -4, (n & -4) + 4] },
  "causal in packed samples": {
    rows: 101,
    keys: 101,
    heads: 4,
    groups: 2,
    width: 64,
    span: (n) => [n < 70 ? 0 : 70, n + 1],
  },
  "one decoded token": { rows: 1, keys: 333, heads: 7, groups: 1, width: 128, span: all(333) },
  "a chunk after a prefix": { rows: 5, keys: 200, heads: 8, groups: 2, width: 256, span: (n) => [0, 196 + n] },
  "rows that see nothing": { rows: 7, keys: 65, heads: 1, groups: 1, width: 64, span: (n) => [n, n === 3 ? n : 65] },
};

/** Random q [H, N, C], k and v [M, G, C]. */
export function operands(c: AttentionCase) {
  return {
    q: randomFloats(c.rows * c.heads * c.width, 5, 5),
    k: randomFloats(c.keys * c.groups * c.width, 6),
    v: randomFloats(c.keys * c.groups * c.width, 7),
    scale: c.width ** -0.5,
  };
}

/** softmax(scale·q·kᵀ)·v in float64, layouts as of `operands`. */
export function referenceAttention(
  c: AttentionCase,
  q: Float32Array,
  k: Float32Array,
  v: Float32Array,
  scale: number,
): Float64Array {
  const y = new Float64Array(q.length);
  for (let row = 0; row < c.rows * c.heads; row++) {
    const [head, token] = [Math.floor(row / c.rows), row % c.rows];
    const group = Math.floor((head * c.groups) / c.heads);
    const [begin, end] = c.span(token);
    const weights: number[] = [];
    for (let key = begin; key < end; key++) {
      let dot = 0;
      for (let i = 0; i < c.width; i++) dot += q[row * c.width + i] * k[(key * c.groups + group) * c.width + i];
      weights.push(dot * scale);
    }
    const maximum = Math.max(...weights);
    const exponentials = weights.map((weight) => Math.exp(weight - maximum));
    const total = exponentials.reduce((sum, weight) => sum + weight, 0);
    for (const [index, weight] of exponentials.entries()) {
      const at = ((begin + index) * c.groups + group) * c.width;
      for (let i = 0; i < c.width; i++) y[row * c.width + i] += (weight / total) * v[at + i];
    }
  }
  return y;
}
