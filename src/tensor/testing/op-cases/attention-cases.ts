import { dim } from "../../dim.ts";
import { FLOAT_LIMIT, HALF_LIMIT, type OpCase } from "../op-case.ts";

/** llama.cpp's bound for attention over 8-bit keys and values is the same. */
const INT8_LIMIT = 5e-4;

interface AttentionShape {
  readonly rows: number;
  readonly keys: number;
  readonly heads: number;
  readonly groups: number;
  readonly width: number;
  /** Begin and end of row n's keys. */
  readonly span: (row: number) => readonly [begin: number, end: number];
}

function attentionCase(name: string, shape: AttentionShape): OpCase {
  const { rows, keys, heads, groups, width, span } = shape;
  return {
    name,
    record: ({ ops }) => {
      const [N, M] = [dim("Q", rows, "rows"), dim("P", keys, "keys")];
      const [H, G, C, Y] = [dim("H", heads), dim("G", groups), dim("C", width), dim("Y", 2)];
      const [A, K] = [dim("A", heads * width), dim("K", groups * width)];
      const q = ops.splitHeads(ops.input<["Q", "A"]>("q", "f32", N, A), H, C);
      const k = ops.splitHeads(ops.input<["P", "K"]>("k", "f32", M, K), G, C);
      const v = ops.splitHeads(ops.input<["P", "K"]>("v", "f32", M, K), G, C);
      const spans = ops.input<["Q", "Y"]>("spans", "i32", N, Y);
      const y = ops.attention(q, k, v, { spans, scale: width ** -0.5 });
      ops.output("y", ops.mergeHeads(y, A));
    },
    steps: [
      {
        extents: { rows, keys },
        integers: { spans: Array.from({ length: rows }, (_, n) => span(n)).flat() },
      },
    ],
    limits: { float: FLOAT_LIMIT, integer: INT8_LIMIT },
  };
}

const all = (keys: number) => (): readonly [number, number] => [0, keys];

const widths = ([64, 72, 128, 256] as const).map((width) =>
  attentionCase(`heads of ${width}`, { rows: 17, keys: 65, heads: 2, groups: 2, width, span: all(65) }),
);

const sizes = ([1, 63, 64, 65, 1000] as const).map((keys) =>
  attentionCase(`${keys} keys`, {
    rows: keys === 1000 ? 5 : keys,
    keys,
    heads: 2,
    groups: 1,
    width: 64,
    span: all(keys),
  }),
);

/** Views of 10, 64 and 3 patches, one after another. */
const SEGMENTS = [0, 10, 74, 77];

function segmentOf(row: number): readonly [number, number] {
  const index = SEGMENTS.findIndex((end) => row < end);
  return [SEGMENTS[index - 1], SEGMENTS[index]];
}

const shared = { heads: 4, groups: 2, width: 72 };

export const ATTENTION_CASES: readonly OpCase[] = [
  ...widths,
  ...sizes,
  attentionCase("packed views", { rows: 77, keys: 77, ...shared, span: segmentOf }),
  attentionCase("causal rows", { rows: 70, keys: 70, ...shared, span: (row) => [0, row + 1] }),
  attentionCase("a row that sees nothing", { rows: 3, keys: 64, ...shared, span: (row) => [5, row === 1 ? 5 : 9] }),
  attentionCase("windows of four", { rows: 64, keys: 64, ...shared, span: (row) => [row & -4, (row & -4) + 4] }),
  {
    ...attentionCase("keys with a common offset", { rows: 65, keys: 130, ...shared, span: all(130) }),
    draw: { k: (random, index) => random.normal() + ((index % 72) % 7) * 3 },
  },
  {
    ...attentionCase("scores of hundreds", { rows: 9, keys: 100, ...shared, span: all(100) }),
    draw: { q: (random) => random.normal() * 30 },
    // one key takes all the weight, and which one is decided by the eighth bit
    limits: { float: FLOAT_LIMIT },
  },
  // no kernel for this width: the host computes it
  {
    ...attentionCase("heads of 3", { rows: 5, keys: 9, heads: 2, groups: 1, width: 3, span: all(9) }),
    limits: { float: FLOAT_LIMIT },
  },
];

const PAGE = 16;

interface CacheShape {
  readonly type: "f16" | "f32";
  readonly heads: number;
  readonly groups: number;
  readonly width: number;
}

// two sequences over pages that lie scattered and out of order
const TABLE = [6, 2, 5, 0, 3, 1, 7, 4];
const PAGES_PER_SEQUENCE = TABLE.length / 2;

const slotOf = (sequence: number, position: number): number =>
  TABLE[sequence * PAGES_PER_SEQUENCE + Math.floor(position / PAGE)] * PAGE + (position % PAGE);

/** One step of rows (sequence, position), each of which sees what stands before it. */
function cacheStep(rows: readonly (readonly [sequence: number, position: number])[]) {
  return {
    extents: { rows: rows.length },
    integers: {
      table: TABLE,
      slots: rows.map(([sequence, position]) => slotOf(sequence, position)),
      lengths: rows.flatMap(([sequence, position]) => [sequence, position + 1]),
    },
  };
}

const range = (sequence: number, begin: number, end: number): [number, number][] =>
  Array.from({ length: end - begin }, (_, i) => [sequence, begin + i]);

function cachedCase({ type, heads, groups, width }: CacheShape): OpCase {
  const capacity = 40;
  return {
    name: `${type} cache, ${heads} heads over ${groups} of ${width}: prefill, other sequence, single rows, both at once`,
    record: ({ ops }) => {
      const [T, H, G, C] = [dim("T", capacity, "rows"), dim("H", heads), dim("G", groups), dim("C", width)];
      const [A, K, L] = [dim("A", heads * width), dim("K", groups * width), dim("L", TABLE.length * PAGE)];
      const row = (name: string) => ops.splitHeads(ops.input<["T", "K"]>(name, "f32", T, K), G, C);
      const slots = ops.input<["T"]>("slots", "i32", T);
      const keys = ops.append(ops.state<["L", "G", "C"]>("keys", type, L, G, C), row("k"), slots);
      const values = ops.append(ops.state<["L", "G", "C"]>("values", type, L, G, C), row("v"), slots);
      ops.update("keys", keys);
      ops.update("values", values);
      const q = ops.splitHeads(ops.input<["T", "A"]>("q", "f32", T, A), H, C);
      const table = ops.input<["B", "S"]>("table", "i32", dim("B", 2), dim("S", PAGES_PER_SEQUENCE));
      const rows = ops.input<["T", "Y"]>("lengths", "i32", T, dim("Y", 2));
      const y = ops.attentionCached(q, { keys, values, table, rows, scale: width ** -0.5, pageSize: PAGE });
      ops.output("y", ops.mergeHeads(y, A));
    },
    steps: [
      cacheStep(range(0, 0, 33)),
      cacheStep(range(1, 0, 17)),
      cacheStep(range(0, 33, 34)),
      cacheStep([...range(0, 34, 36), ...range(1, 17, 20)]),
    ],
    limits: { float: type === "f16" ? HALF_LIMIT : FLOAT_LIMIT, integer: type === "f16" ? HALF_LIMIT : FLOAT_LIMIT },
  };
}

export const CACHE_CASES: readonly OpCase[] = [
  cachedCase({ type: "f16", heads: 8, groups: 2, width: 128 }),
  cachedCase({ type: "f16", heads: 4, groups: 4, width: 64 }),
  cachedCase({ type: "f32", heads: 6, groups: 2, width: 64 }),
  cachedCase({ type: "f32", heads: 2, groups: 1, width: 256 }),
];
