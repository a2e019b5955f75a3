import { dim } from "../../dim.ts";
import { FLOAT_LIMIT, type OpCase, TAIL_SIZES } from "../op-case.ts";

const limits = { float: FLOAT_LIMIT, integer: FLOAT_LIMIT };

function headCase(heads: number, width: number): OpCase {
  return {
    name: `${heads} heads of ${width}, cut out of wider rows and joined again`,
    record: ({ ops }) => {
      const [T, H, C] = [dim("T", 6, "rows"), dim("H", heads), dim("C", width)];
      const [A, K, F] = [dim("A", heads * width), dim("K", heads * width), dim("F", 2 * heads * width)];
      const [first, second] = ops.splitColumns(ops.input<["T", "F"]>("x", "f32", T, F), [A, K]);
      const swapped = ops.mergeHeads(ops.scale(ops.splitHeads(second, H, C), 2), A);
      ops.output("heads", ops.splitHeads(first, H, C));
      ops.output("joined", ops.joinColumns(swapped, first, F));
    },
    steps: [{ extents: { rows: 6 } }, { extents: { rows: 1 } }],
    limits,
  };
}

export const HEAD_CASES: readonly OpCase[] = [headCase(1, 65), headCase(3, 1), headCase(16, 72), headCase(2, 128)];

const FREQUENCY_BASE = 10_000;

function rotaryCase(pairing: "half" | "adjacent", width: number, pairs: number): OpCase {
  return {
    name: `${pairing}, ${pairs} pairs of heads of ${width}`,
    record: ({ ops }) => {
      const [T, A, H, C] = [dim("T", 5, "rows"), dim("A", 3 * width), dim("H", 3), dim("C", width)];
      const heads = ops.splitHeads(ops.input<["T", "A"]>("x", "f32", T, A), H, C);
      const inverseFrequencies = Array.from({ length: pairs }, (_, i) => FREQUENCY_BASE ** (-i / pairs));
      const positions = ops.input<["T"]>("positions", "i32", T);
      ops.output("y", ops.mergeHeads(ops.rotary(heads, positions, { inverseFrequencies, pairing }), A));
    },
    steps: [
      { extents: { rows: 5 }, integers: { positions: [0, 1, 700, 4095, 32_767] } },
      { extents: { rows: 1 }, integers: { positions: [3] } },
    ],
    limits,
  };
}

export const ROTARY_CASES: readonly OpCase[] = (["half", "adjacent"] as const).flatMap((pairing) => [
  rotaryCase(pairing, 64, 32),
  rotaryCase(pairing, 72, 36),
  rotaryCase(pairing, 128, 64),
  // a part of the head only, and a count that no kernel takes
  rotaryCase(pairing, 256, 32),
  rotaryCase(pairing, 6, 3),
]);

export const SPLICE_CASES: readonly OpCase[] = TAIL_SIZES.map((width) => ({
  name: `rows of ${width}`,
  record: ({ ops }) => {
    const [T, R, D] = [dim("T", 6, "rows"), dim("R", 3, "visual"), dim("D", width)];
    const x = ops.input<["T", "D"]>("x", "f32", T, D);
    const spliced = ops.spliceRows(x, ops.input<["R", "D"]>("rows", "f32", R, D), ops.input<["R"]>("at", "i32", R));
    ops.output("y", spliced);
    ops.output("x", ops.scale(x, 1));
  },
  steps: [
    { extents: { rows: 6, visual: 3 }, integers: { at: [5, 0, 2] } },
    { extents: { rows: 2, visual: 0 }, integers: { at: [] } },
  ],
  limits,
}));

function foldCase(width: number): OpCase {
  return {
    name: `four rows of ${width}`,
    record: ({ ops }) => {
      const [P, W] = [dim("P", 32), dim("W", 8)];
      const x = ops.input<["P", "E"]>("x", "f32", P, dim("E", width));
      ops.output("folded", ops.foldRows(x, W, dim("M", 4 * width)));
      ops.output("mean", ops.meanRows(x, W, 4));
    },
    limits,
  };
}

export const FOLD_CASES: readonly OpCase[] = TAIL_SIZES.map(foldCase);

export const ARGMAX_CASES: readonly OpCase[] = TAIL_SIZES.map((width) => ({
  name: `rows of ${width}, ties to the lowest`,
  record: ({ ops }) => {
    const x = ops.input<["T", "V"]>("x", "f32", dim("T", 9, "rows"), dim("V", width));
    ops.output("y", ops.argmax(x));
  },
  steps: [{ extents: { rows: 9 } }, { extents: { rows: 1 } }],
  // few values, so that most rows have ties
  draw: { x: (random) => random.below(30) - 15 },
  limits: { float: 0, integer: 0 },
}));
