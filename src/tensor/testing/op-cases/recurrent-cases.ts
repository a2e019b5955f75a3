import { dim } from "../../dim.ts";
import { FLOAT_LIMIT, type OpCase } from "../op-case.ts";

// three sequences in two replays, one of them continued: rows of one sequence are consecutive
const SEQUENCES = [
  [1, 1, 1, 1, 1, 0, 0],
  [0, 2, 2, 1],
];

const steps = SEQUENCES.map((sequence) => ({ extents: { rows: sequence.length }, integers: { sequence } }));
const limits = { float: FLOAT_LIMIT, integer: FLOAT_LIMIT };

function causalConvCase(channels: number, taps: number): OpCase {
  return {
    name: `${channels} channels, ${taps} taps`,
    record: ({ ops }) => {
      const [T, X] = [dim("T", 8, "rows"), dim("X", channels)];
      const history = ops.state<["B", "X", "J"]>("history", "f32", dim("B", 3), X, dim("J", taps - 1));
      const weight = ops.weight<["X", "J"]>("weight", X, dim("J", taps));
      const sequence = ops.input<["T"]>("sequence", "i32", T);
      const { output, state } = ops.causalConv(ops.input<["T", "X"]>("x", "f32", T, X), weight, history, sequence);
      ops.update("history", state);
      ops.output("y", output);
    },
    steps,
    limits,
  };
}

export const CAUSAL_CONV_CASES: readonly OpCase[] = [
  causalConvCase(1, 4),
  causalConvCase(63, 4),
  causalConvCase(64, 2),
  causalConvCase(65, 3),
  causalConvCase(1000, 4),
];

function deltaNetCase(heads: number, keyWidth: number, valueWidth: number): OpCase {
  return {
    name: `${heads} heads, ${keyWidth} by ${valueWidth}`,
    record: ({ ops }) => {
      const [T, H, C, N] = [dim("T", 8, "rows"), dim("H", heads), dim("C", keyWidth), dim("N", valueWidth)];
      const [A, K] = [dim("A", heads * keyWidth), dim("K", heads * valueWidth)];
      const split = (name: string) => ops.splitHeads(ops.input<["T", "A"]>(name, "f32", T, A), H, C);
      const k = ops.l2Norm(split("k"), 1e-6);
      const { output, state } = ops.deltaNet({
        q: split("q"),
        k,
        v: ops.splitHeads(ops.input<["T", "K"]>("v", "f32", T, K), H, N),
        decay: ops.input<["T", "H"]>("decay", "f32", T, H),
        beta: ops.sigmoid(ops.input<["T", "H"]>("beta", "f32", T, H)),
        state: ops.state<["B", "H", "C", "N"]>("state", "f32", dim("B", 3), H, C, N),
        sequence: ops.input<["T"]>("sequence", "i32", T),
      });
      ops.update("state", state);
      ops.output("y", ops.mergeHeads(output, K));
    },
    steps,
    draw: { decay: (random) => -Math.abs(random.normal()) / 4 },
    limits,
  };
}

export const DELTA_NET_CASES: readonly OpCase[] = [
  deltaNetCase(2, 64, 64),
  deltaNetCase(3, 16, 24),
  // no kernel for these widths: the host computes it
  deltaNetCase(2, 3, 5),
];
