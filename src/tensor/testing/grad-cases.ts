import type { Random } from "../../base/random.ts";
import { dim } from "../dim.ts";
import type { Ops } from "../ops.ts";
import type { Tensor } from "../tensor.ts";

/** Lengths that the models below are made of; the model width is 2 · groups · headWidth. */
export interface GradSizes {
  /** At least 2, so that two rows can be spliced. */
  readonly rows: number;
  readonly groups: number;
  /** At least 2: a pair that is rotated. */
  readonly headWidth: number;
  readonly hidden: number;
  /** At least 2. */
  readonly vocabulary: number;
}

const SMALL: GradSizes = { rows: 5, groups: 1, headWidth: 3, hidden: 4, vocabulary: 7 };

/** Sizes drawn anew, at their least now and then. */
export function randomGradSizes(random: Random): GradSizes {
  return {
    rows: 2 + random.below(6),
    groups: 1 + random.below(3),
    headWidth: 2 + random.below(4),
    hidden: 1 + random.below(6),
    vocabulary: 2 + random.below(8),
  };
}

/** A small model with a scalar output `loss`, and the integer inputs it needs. */
export interface GradCase {
  readonly model: (ops: Ops) => void;
  readonly integers?: Readonly<Record<string, readonly number[]>>;
}

/** Models that together use every op with a derivative; tests of autograd and of every backend run them. */
export function gradCases(sizes: GradSizes = SMALL): Readonly<Record<string, GradCase>> {
  const dims = dimsOf(sizes);
  return { ...plainCases(dims), ...sequenceCases(dims, sizes) };
}

function dimsOf({ rows, groups, headWidth, hidden, vocabulary }: GradSizes) {
  const width = 2 * groups * headWidth;
  return {
    T: dim("T", rows),
    D: dim("D", width),
    F: dim("F", hidden),
    H: dim("H", 2 * groups),
    G: dim("G", groups),
    C: dim("C", headWidth),
    V: dim("V", vocabulary),
    R: dim("R", 2),
    Y: dim("Y", 2),
  };
}

type GradDims = ReturnType<typeof dimsOf>;

/** Weighted sum with fixed random weights, so that every element of `y` matters differently. */
function reduce(ops: Ops, y: Tensor<["T", "D"]>, { T, D }: GradDims): void {
  ops.output("loss", ops.sumAll(ops.multiply(y, ops.input("mix", "f32", T, D))));
}

function plainCases(dims: GradDims): Readonly<Record<string, GradCase>> {
  const { T, D, F } = dims;
  const weightTD = (ops: Ops, name: string): Tensor<["T", "D"]> => ops.weight(name, T, D);
  return {
    "gelu, geluErf, silu, sigmoid, softplus": {
      model: (ops) => {
        const x = weightTD(ops, "x");
        const gates = ops.add(ops.silu(x), ops.add(ops.sigmoid(x), ops.softplus(x)));
        reduce(ops, ops.add(ops.gelu(x), ops.add(ops.geluErf(x), gates)), dims);
      },
    },
    "products, differences, rows and scale": {
      model: (ops) => {
        const x = weightTD(ops, "x");
        const row = ops.weight("row", D);
        const shifted = ops.addRow(ops.multiplyRow(x, row), row);
        reduce(ops, ops.scale(ops.subtract(ops.multiply(x, weightTD(ops, "y")), shifted), 0.7), dims);
      },
    },
    "linear with bias and transposedLinear": {
      model: (ops) => {
        const up = ops.linear(weightTD(ops, "x"), { weight: ops.weight("up", F, D), bias: ops.weight("bias", F) });
        reduce(ops, ops.transposedLinear(up, { transposedWeight: ops.weight("down", F, D) }), dims);
      },
    },
    "layerNorm and rmsNorm": {
      model: (ops) => {
        const x = weightTD(ops, "x");
        const normed = ops.layerNorm(x, { weight: ops.weight("w", D), bias: ops.weight("b", D) }, 1e-3);
        reduce(ops, ops.add(normed, ops.rmsNorm(x, ops.weight("r", D), 1e-3)), dims);
      },
    },
    "fold and mean of row groups": {
      model: (ops) => {
        const wide = ops.weight("x", dim("P", 2 * T.capacity), D);
        const folded = ops.foldRows(wide, T, dim("M", 2 * D.capacity));
        const last = dim("F", D.capacity);
        const [half, rest] = ops.splitColumns(folded, [D, last]);
        const square = ops.linear(rest, { weight: ops.weight("square", D, last) });
        reduce(ops, ops.add(ops.multiply(half, ops.meanRows(wide, T, 2)), square), dims);
      },
    },
    "columns joined the other way round": {
      model: (ops) => {
        const [first, second] = ops.splitColumns(weightTD(ops, "x"), [dim("K", 1), dim("A", D.capacity - 1)]);
        reduce(ops, ops.multiply(ops.joinColumns(second, first, D), weightTD(ops, "y")), dims);
      },
    },
  };
}

function sequenceCases(dims: GradDims, { rows, vocabulary }: GradSizes): Readonly<Record<string, GradCase>> {
  const { T, D, H, G, C, V, R, Y } = dims;
  const weightTD = (ops: Ops, name: string): Tensor<["T", "D"]> => ops.weight(name, T, D);
  const [half, places] = [D.capacity / 2, Array.from({ length: rows }, (_, row) => row)];
  // two packed samples: the second begins at `cut`, and its last row sees all of it
  const cut = Math.ceil(rows / 2);
  return {
    "causal attention with rotary and shared key-value heads": {
      model: (ops) => {
        const x = weightTD(ops, "x");
        const positions = ops.input("positions", "i32", T);
        const rotate = { inverseFrequencies: [0.5], pairing: "half" } as const;
        const q = ops.rotary(ops.splitHeads(x, H, C), positions, rotate);
        const [key, value] = ops.splitColumns(weightTD(ops, "kv"), [dim("K", half), dim("A", half)]);
        const k = ops.rotary(ops.splitHeads(key, G, C), positions, { ...rotate, pairing: "adjacent" });
        const v = ops.splitHeads(value, G, C);
        const y = ops.attention(q, k, v, { spans: ops.input("spans", "i32", T, Y), scale: 0.6 });
        reduce(ops, ops.mergeHeads(y, D), dims);
      },
      integers: {
        positions: places.map((row) => (row < cut ? row : row - cut)),
        spans: places.flatMap((row) => [row < cut ? 0 : cut, row + 1]),
      },
    },
    "embedding gather and splice": {
      model: (ops) => {
        const x = ops.gatherRows(ops.weight("table", V, D), ops.input("ids", "i32", T));
        reduce(ops, ops.spliceRows(x, ops.weight("rows", R, D), ops.input("at", "i32", R)), dims);
      },
      // ids come twice, the first and the last are among them
      integers: { ids: places.map((row) => (vocabulary - 1) * (row % 2)), at: [rows - 1, 0] },
    },
    "cross-entropy, token log-probabilities and span sums": {
      model: (ops) => {
        const logits = ops.linear(weightTD(ops, "x"), { weight: ops.weight("head", V, D) });
        const targets = ops.input("targets", "i32", T);
        const ce = ops.crossEntropy(logits, targets, ops.input("tokenWeights", "f32", T));
        const sums = ops.spanSum(ops.tokenLogProbability(logits, targets), ops.input("spans", "i32", R, Y));
        ops.output("loss", ops.subtract(ce, ops.sumAll(ops.softplus(sums))));
      },
      integers: { targets: places.map((row) => (row * 5 + 1) % vocabulary), spans: [0, cut, cut - 1, rows] },
    },
  };
}

/** The models at one size. */
export const GRAD_CASES = gradCases();
