import { dim } from "../dim.ts";
import type { Ops } from "../ops.ts";
import type { Tensor } from "../tensor.ts";

const T = dim("T", 5);
const D = dim("D", 6);
const F = dim("F", 4);
const H = dim("H", 2);
const G = dim("G", 1);
const C = dim("C", 3);
const V = dim("V", 7);
const R = dim("R", 2);
const Y = dim("Y", 2);

/** Weighted sum with fixed random weights, so that every element of `y` matters differently. */
function reduce(ops: Ops, y: Tensor<["T", "D"]>): void {
  ops.output("loss", ops.sumAll(ops.multiply(y, ops.input("mix", "f32", T, D))));
}

/** A small model with a scalar output `loss`, and the integer inputs it needs. */
export interface GradCase {
  readonly model: (ops: Ops) => void;
  readonly integers?: Readonly<Record<string, readonly number[]>>;
}

const weightTD = (ops: Ops, name: string): Tensor<["T", "D"]> => ops.weight(name, T, D);

/** Models that together use every op with a derivative; tests of autograd and of every backend run them. */
export const GRAD_CASES: Readonly<Record<string, GradCase>> = {
  "gelu, geluErf, silu, sigmoid, softplus": {
    model: (ops) => {
      const x = weightTD(ops, "x");
      reduce(
        ops,
        ops.add(ops.gelu(x), ops.add(ops.geluErf(x), ops.add(ops.silu(x), ops.add(ops.sigmoid(x), ops.softplus(x))))),
      );
    },
  },
  "products, differences, rows and scale": {
    model: (ops) => {
      const x = weightTD(ops, "x");
      const row = ops.weight("row", D);
      reduce(
        ops,
        ops.scale(ops.subtract(ops.multiply(x, weightTD(ops, "y")), ops.addRow(ops.multiplyRow(x, row), row)), 0.7),
      );
    },
  },
  "linear with bias and transposedLinear": {
    model: (ops) => {
      const up = ops.linear(weightTD(ops, "x"), { weight: ops.weight("up", F, D), bias: ops.weight("bias", F) });
      reduce(ops, ops.transposedLinear(up, { transposedWeight: ops.weight("down", F, D) }));
    },
  },
  "layerNorm and rmsNorm": {
    model: (ops) => {
      const x = weightTD(ops, "x");
      const normed = ops.layerNorm(x, { weight: ops.weight("w", D), bias: ops.weight("b", D) }, 1e-3);
      reduce(ops, ops.add(normed, ops.rmsNorm(x, ops.weight("r", D), 1e-3)));
    },
  },
  "causal attention with rotary and shared key-value heads": {
    model: (ops) => {
      const x = weightTD(ops, "x");
      const positions = ops.input("positions", "i32", T);
      const rotate = { inverseFrequencies: [0.5], pairing: "half" } as const;
      const q = ops.rotary(ops.splitHeads(x, H, C), positions, rotate);
      const [key, value] = ops.splitColumns(weightTD(ops, "kv"), [dim("K", 3), dim("A", 3)]);
      const k = ops.rotary(ops.splitHeads(key, G, C), positions, { ...rotate, pairing: "adjacent" });
      const v = ops.splitHeads(value, G, C);
      const y = ops.attention(q, k, v, { spans: ops.input("spans", "i32", T, Y), scale: 0.6 });
      reduce(ops, ops.mergeHeads(y, D));
    },
    integers: { positions: [0, 1, 2, 0, 1], spans: [0, 1, 0, 2, 0, 3, 3, 4, 3, 5] },
  },
  "embedding gather and splice": {
    model: (ops) => {
      const x = ops.gatherRows(ops.weight("table", V, D), ops.input("ids", "i32", T));
      reduce(ops, ops.spliceRows(x, ops.weight("rows", R, D), ops.input("at", "i32", R)));
    },
    integers: { ids: [3, 0, 3, 6, 1], at: [1, 4] },
  },
  "fold and mean of row groups": {
    model: (ops) => {
      const wide = ops.weight("x", dim("P", 10), D);
      const folded = ops.foldRows(wide, T, dim("M", 12));
      const [half, rest] = ops.splitColumns(folded, [D, dim("F", 6)]);
      const square = ops.linear(rest, { weight: ops.weight("square", D, dim("F", 6)) });
      reduce(ops, ops.add(ops.multiply(half, ops.meanRows(wide, T, 2)), square));
    },
  },
  "cross-entropy, token log-probabilities and span sums": {
    model: (ops) => {
      const logits = ops.linear(weightTD(ops, "x"), { weight: ops.weight("head", V, D) });
      const targets = ops.input("targets", "i32", T);
      const ce = ops.crossEntropy(logits, targets, ops.input("tokenWeights", "f32", T));
      const sums = ops.spanSum(ops.tokenLogProbability(logits, targets), ops.input("spans", "i32", R, Y));
      ops.output("loss", ops.subtract(ce, ops.sumAll(ops.softplus(sums))));
    },
    integers: { targets: [1, 6, 0, 3, 3], spans: [0, 2, 1, 5] },
  },
};
