import type { Random } from "../../../base/random.ts";
import type { Axes } from "../../axis.ts";
import { dim } from "../../dim.ts";
import type { Ops } from "../../ops.ts";
import type { Tensor } from "../../tensor.ts";
import { FLOAT_LIMIT, type OpCase, TAIL_SIZES } from "../op-case.ts";

const limits = { float: FLOAT_LIMIT, integer: FLOAT_LIMIT };

type Rows = Tensor<["T", "D"]>;

/** Two replays of rows of `width`: the full capacity and one row. */
function rowsCase(name: string, width: number, model: (ops: Ops, x: Rows, y: () => Rows) => void): OpCase {
  return {
    name: `${name}, rows of ${width}`,
    record: ({ ops }) => {
      const dims = [dim("T", 3, "rows"), dim("D", width)] as const;
      model(ops, ops.input<["T", "D"]>("x", "f32", ...dims), () => ops.input<["T", "D"]>("y", "f32", ...dims));
    },
    steps: [{ extents: { rows: 3 } }, { extents: { rows: 1 } }],
    limits,
  };
}

const UNARY = ["gelu", "geluErf", "silu", "sigmoid", "softplus"] as const;
/** Where exponentials overflow, underflow and where tails must be exact. */
const EXTREMES = [0, -0, 1e-30, -1e-30, 1e-8, 0.5, -0.5, 5, -5, 20, -20, 87, -87, 89, -89, 104, -104, 1e4, -1e4, 3e38];

export const UNARY_CASES: readonly OpCase[] = [
  ...UNARY.flatMap((kind) =>
    TAIL_SIZES.map((width) => rowsCase(kind, width, (ops, x) => ops.output("z", ops[kind](x)))),
  ),
  ...UNARY.map((kind) => ({
    ...rowsCase(kind, EXTREMES.length, (ops, x) => ops.output("z", ops[kind](ops.scale(x, 1)))),
    name: `${kind} of extremes`,
    draw: { x: (_: Random, index: number) => EXTREMES[index % (EXTREMES.length - 1)] },
  })),
];

export const BINARY_CASES: readonly OpCase[] = [
  ...(["add", "subtract", "multiply"] as const).flatMap((kind) =>
    TAIL_SIZES.map((width) => rowsCase(kind, width, (ops, x, y) => ops.output("z", ops[kind](x, y())))),
  ),
  // the gates of MLPs and delta nets, which a backend may fuse, in either order and with the gate read elsewhere
  ...TAIL_SIZES.map((width) =>
    rowsCase("silu(x) · y", width, (ops, x, y) => ops.output("z", ops.multiply(ops.silu(x), y()))),
  ),
  rowsCase("y · silu(x)", 65, (ops, x, y) => ops.output("z", ops.multiply(y(), ops.silu(x)))),
  rowsCase("y · sigmoid(x)", 65, (ops, x, y) => ops.output("z", ops.multiply(y(), ops.sigmoid(x)))),
  rowsCase("sigmoid(x) · silu(y)", 65, (ops, x, y) => ops.output("z", ops.multiply(ops.sigmoid(x), ops.silu(y())))),
  rowsCase("silu(x)²", 65, (ops, x) => {
    const gate = ops.silu(x);
    ops.output("z", ops.multiply(gate, gate));
  }),
  rowsCase("silu(x) · y, the gate read elsewhere", 65, (ops, x, y) => {
    const gate = ops.silu(x);
    ops.output("z", ops.multiply(gate, y()));
    ops.output("gate", gate);
  }),
];

export const ROWWISE_CASES: readonly OpCase[] = (["addRow", "multiplyRow"] as const).flatMap((kind) =>
  TAIL_SIZES.map((width) =>
    rowsCase(kind, width, (ops, x) => ops.output("z", ops[kind](x, ops.weight<["D"]>("row", dim("D", width))))),
  ),
);

export const SCALE_CASES: readonly OpCase[] = TAIL_SIZES.map((width) =>
  rowsCase("scale", width, (ops, x) => ops.output("z", ops.scale(x, -0.37))),
);

type NormOp = <L extends Axes>(ops: Ops, x: Tensor<[...L, "D"]>, width: number) => Tensor<[...L, "D"]>;
const NORMS: Readonly<Record<"layerNorm" | "rmsNorm" | "l2Norm", NormOp>> = {
  layerNorm: (ops, x, width) =>
    ops.layerNorm(x, { weight: ops.weight("w", dim("D", width)), bias: ops.weight("b", dim("D", width)) }, 1e-6),
  rmsNorm: (ops, x, width) => ops.rmsNorm(x, ops.weight("w", dim("D", width)), 1e-6),
  l2Norm: (ops, x) => ops.l2Norm(x, 1e-6),
};

/** Norms of rows, of rows with an offset of a thousand deviations, of heads within rows. */
export function normCases(op: keyof typeof NORMS): readonly OpCase[] {
  const norm = NORMS[op];
  return [
    ...TAIL_SIZES.map((width) => rowsCase(op, width, (ops, x) => ops.output("z", norm<["T"]>(ops, x, width)))),
    {
      ...rowsCase(op, 1152, (ops, x) => ops.output("z", norm<["T"]>(ops, x, 1152))),
      name: `${op} of rows far from zero`,
      draw: { x: (random) => 30 + random.normal() },
    },
    {
      ...rowsCase(op, 64, (ops, x) => ops.output("z", norm<["T"]>(ops, x, 64))),
      name: `${op} of rows of zeros`,
      draw: { x: () => 0 },
    },
    {
      name: `${op} of heads within rows`,
      record: ({ ops }) => {
        const [T, A, H, D] = [dim("T", 5, "rows"), dim("A", 192), dim("H", 3), dim("D", 64)];
        const heads = ops.splitHeads(ops.input<["T", "A"]>("x", "f32", T, A), H, D);
        ops.output("z", norm<["H", "T"]>(ops, heads, 64));
      },
      steps: [{ extents: { rows: 5 } }],
      limits,
    },
  ];
}
