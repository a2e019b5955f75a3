import { dim } from "../../dim.ts";
import { STORAGE_BLOCKS, type StorageType } from "../../dtype.ts";
import { FLOAT_LIMIT, HALF_LIMIT, type OpCase } from "../op-case.ts";

/** Every format a weight may be stored in. */
export const STORAGE_TYPES = Object.keys(STORAGE_BLOCKS) as StorageType[];

/**
 * NMSE allowed on the integer path. The activations' rounding rules: 7 bits and a zero point where the weight is signed (F32,
 * F16, BF16, Q8_0 and what is kept in its form), 8 bits elsewhere. llama.cpp allows 5e-4 for every format.
 */
export const INTEGER_LIMITS: Readonly<Record<StorageType, number>> = {
  F32: 3e-4,
  F16: 3e-4,
  BF16: 3e-4,
  Q8_0: 2e-4,
  Q5_0: 2e-4,
  IQ4_NL: 2e-4,
  IQ4_XS: 2e-4,
  Q5_1: 3e-4,
  Q2_K: 3e-4,
  Q3_K: 2e-4,
  Q4_0: 1e-4,
  Q4_1: 1e-4,
  Q4_K: 2e-4,
  Q5_K: 3e-4,
  Q6_K: 2e-4,
};

/** Formats kept in f16, or whose scales are rounded to it. */
const ROUNDED: readonly StorageType[] = ["Q5_1", "Q2_K", "IQ4_XS"];

/** NMSE allowed on the float path. */
export const linearFloatLimit = (type: StorageType): number => (ROUNDED.includes(type) ? HALF_LIMIT : FLOAT_LIMIT);

interface LinearShape {
  readonly rows: readonly number[];
  readonly into: number;
  readonly out: number;
  /** Rows that a benchmark times; as many are room for. */
  readonly timedRows?: number;
}

function linearCase(type: StorageType, { rows, into, out, timedRows = 0 }: LinearShape): OpCase {
  return {
    name: `${type} ${rows.join(" then ")} × ${out} × ${into}`,
    record: ({ ops }) => {
      const [T, D, F] = [dim("T", Math.max(...rows, timedRows), "rows"), dim("D", into), dim("F", out)];
      const weight = ops.weight<["F", "D"]>("w", F, D);
      ops.output("y", ops.linear(ops.input<["T", "D"]>("x", "f32", T, D), { weight, bias: ops.weight("b", F) }));
    },
    types: { w: type },
    steps: rows.map((count) => ({ extents: { rows: count } })),
    ...(timedRows === 0 ? {} : { timed: { extents: { rows: timedRows } } }),
    // a single number has no mean error
    limits:
      Math.max(...rows) * out === 1
        ? { float: FLOAT_LIMIT }
        : { float: linearFloatLimit(type), integer: INTEGER_LIMITS[type] },
  };
}

/** Row counts that take both orders of work, columns with a tail, K of two super-blocks. */
const byFormat = STORAGE_TYPES.map((type) => linearCase(type, { rows: [1, 65, 4], into: 512, out: 63 }));

const bySize: readonly OpCase[] = [
  ...([1, 63, 64, 65, 1000] as const).map((n) => linearCase("F32", { rows: [n], into: 65, out: n === 1000 ? 9 : n })),
  ...([1, 63, 64, 65, 1000] as const).map((n) => linearCase("F16", { rows: [3], into: n, out: 64 })),
  linearCase("F16", { rows: [5], into: 4304, out: 65 }),
  linearCase("Q4_K", { rows: [1, 64], into: 1024, out: 1000 }),
  linearCase("Q8_0", { rows: [63], into: 32, out: 1 }),
];

/** Maps of versions 2.5, 2.6, 4.6 and of the encoder: a benchmark times a prefill of 512 rows, or the rows of a view. */
const ofModels: readonly OpCase[] = (
  [
    ["Q4_K", 4096, "q/o of 2.5"],
    ["Q6_K", 14336, "down of 2.5"],
    ["Q4_K", 3584, "q/o of 2.6"],
    ["Q6_K", 18944, "down of 2.6"],
    ["Q4_K", 1024, "gate/up of 4.6"],
    ["Q6_K", 3584, "down of 4.6"],
    ["F16", 1152, "q/k/v/out of the encoder"],
    ["F16", 4304, "fc2 of the encoder"],
  ] as const
).map(([type, into, name]) => ({
  ...linearCase(type, { rows: [1, 4], into, out: 128, timedRows: type === "F16" ? 1024 : 512 }),
  name: `${type}, ${name}: rows of ${into}`,
}));

/**
 * NMSE allowed where outliers are planted: Q8_0 and Q4_0 stay within llama.cpp's 5e-4. Beside one scale for 256 values (Q4_K, Q6_K) or 128
 * (F16) an outlier of fifty times costs more, here as there: test/parity/outliers.test.ts holds both to the same data.
 */
const OUTLIER_LIMITS = { Q8_0: 2e-4, Q4_0: 2e-4, F16: 8e-4, Q4_K: 1e-3, Q6_K: 1.2e-3 } as const;

/** Twelve of 1152 channels are fifty times as large: a scale per token would leave nothing of the others. */
const channelOutliers: readonly OpCase[] = (["F16", "Q8_0"] as const).map((type) => ({
  ...linearCase(type, { rows: [64], into: 1152, out: 64 }),
  name: `${type} with outlier channels of fifty times`,
  draw: { x: (random, index) => random.normal() * (index % 96 === 7 ? 50 : 1) },
  limits: { float: FLOAT_LIMIT, integer: OUTLIER_LIMITS[type] },
}));

const blockOutliers: readonly OpCase[] = (["Q4_K", "Q6_K", "Q4_0"] as const).map((type) => ({
  ...linearCase(type, { rows: [9], into: 1024, out: 64 }),
  name: `${type} with one outlier of fifty times a block`,
  draw: { x: (random, index) => random.normal() * (index % 256 === 100 ? 50 : 1) },
  limits: { float: FLOAT_LIMIT, integer: OUTLIER_LIMITS[type] },
}));

/** Activations with planted outliers. */
export const OUTLIER_CASES: readonly OpCase[] = [...channelOutliers, ...blockOutliers];

const extremes: readonly OpCase[] = [
  {
    ...linearCase("Q8_0", { rows: [3], into: 64, out: 8 }),
    name: "rows of zeros and of denormals",
    draw: { x: (random, index) => (index < 64 ? 0 : random.normal() * (index < 128 ? 1e-39 : 1)) },
  },
  {
    ...linearCase("F16", { rows: [2], into: 128, out: 8 }),
    name: "activations of a million",
    draw: { x: (random) => random.normal() * 1e6 },
  },
];

/** Head and embedding are one weight: rows come out of the panels of the head. */
const tied: readonly OpCase[] = STORAGE_TYPES.map((type) => ({
  name: `tied ${type}`,
  record: ({ ops }) => {
    const [T, D, V] = [dim("T", 4), dim("D", 256), dim("V", 65)];
    const table = ops.weight<["V", "D"]>("table", V, D);
    const rows = ops.gatherRows(table, ops.input<["T"]>("ids", "i32", T));
    ops.output("rows", rows);
    ops.output("logits", ops.linear(rows, { weight: table }));
  },
  types: { table: type },
  steps: [{ integers: { ids: [64, 0, 7, 7] } }],
  limits: { float: linearFloatLimit(type), integer: INTEGER_LIMITS[type] },
}));

const shared: OpCase = {
  name: "three weights of different formats on one input",
  record: ({ ops }) => {
    const [T, D, F] = [dim("T", 7), dim("D", 512), dim("F", 24)];
    const x = ops.input<["T", "D"]>("x", "f32", T, D);
    for (const name of ["a", "b", "c"]) ops.output(name, ops.linear(x, { weight: ops.weight(name, F, D) }));
  },
  types: { a: "Q4_K", b: "Q6_K", c: "Q8_0" },
  limits: { float: FLOAT_LIMIT, integer: 2e-4 },
};

/** Rows of heads are maps over the last axis too. */
const overHeads: OpCase = {
  name: "heads within rows",
  record: ({ ops }) => {
    const [T, A, H, C, F] = [dim("T", 9, "rows"), dim("A", 24), dim("H", 3), dim("C", 8), dim("F", 16)];
    const heads = ops.splitHeads(ops.input<["T", "A"]>("x", "f32", T, A), H, C);
    ops.output("y", ops.linear(heads, { weight: ops.weight<["F", "C"]>("w", F, C) }));
  },
  steps: [{ extents: { rows: 9 } }, { extents: { rows: 2 } }],
  limits: { float: FLOAT_LIMIT, integer: 3e-4 },
};

export const LINEAR_CASES: readonly OpCase[] = [
  ...byFormat,
  ...bySize,
  ...ofModels,
  ...OUTLIER_CASES,
  ...extremes,
  ...tied,
  shared,
  overHeads,
];

function transposedCase(type: StorageType): OpCase {
  return {
    name: `${type} 65 × 64 × 63`,
    record: ({ ops }) => {
      const [T, D, F] = [dim("T", 65), dim("D", 63), dim("F", 64)];
      const x = ops.input<["T", "D"]>("x", "f32", T, D);
      ops.output("y", ops.transposedLinear(x, { transposedWeight: ops.weight<["D", "F"]>("w", D, F) }));
    },
    types: { w: type },
    limits: {
      float: type === "F32" || type === "F16" || type === "BF16" ? FLOAT_LIMIT : HALF_LIMIT,
      integer: HALF_LIMIT,
    },
  };
}

export const TRANSPOSED_CASES: readonly OpCase[] = STORAGE_TYPES.filter(
  (type) => STORAGE_BLOCKS[type].elements <= 32,
).map(transposedCase);

function gatherCase(type: StorageType, width: number): OpCase {
  return {
    name: `${type} rows of ${width}`,
    record: ({ ops }) => {
      const [T, D, V] = [dim("T", 5, "rows"), dim("D", width), dim("V", 20)];
      const ids = ops.input<["T"]>("ids", "i32", T);
      ops.output("y", ops.gatherRows(ops.weight<["V", "D"]>("table", V, D), ids));
    },
    types: { table: type },
    steps: [
      { extents: { rows: 5 }, integers: { ids: [19, 0, 8, 7, 7] } },
      { extents: { rows: 1 }, integers: { ids: [11] } },
    ],
    limits: { float: linearFloatLimit(type), integer: linearFloatLimit(type) },
  };
}

export const GATHER_CASES: readonly OpCase[] = [
  ...STORAGE_TYPES.map((type) => gatherCase(type, 512)),
  ...([1, 63, 64, 65, 1000] as const).map((width) => gatherCase("F32", width)),
  ...([1, 63, 65] as const).map((width) => gatherCase("F16", width)),
];
