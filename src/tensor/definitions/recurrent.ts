import { needDim, needDType, needLength, needRank, type OpDefinition, sizeOf } from "../definition.ts";

const LATER = { nondifferentiable: "training the delta net is not part of this release" };

/**
 * Depthwise causal convolution over time, one history per sequence (history[b, x, j], j = 0 the oldest). Rows of one
 * sequence are consecutive. Qwen3.5 modelling code; spec of version 4.6.
 */
export const causalConv: OpDefinition = {
  equation: "y[t, x] = Σⱼ w[x, j] · input[t − (J−1) + j, x], inputs before the step from history",
  effect: "state",
  infer: (call) => {
    const [x, weight, history, sequence] = call.inputs;
    needDType(call, 0, "x", "f32");
    needRank(call, 0, "x", 2);
    needRank(call, 1, "weight", 2);
    needRank(call, 2, "history", 3);
    needDType(call, 3, "sequence", "i32");
    needDim(call, "the weight's channels", x.dims[1], weight.dims[0]);
    needDim(call, "the history's channels", x.dims[1], history.dims[1]);
    needDim(call, "sequence", x.dims[0], sequence.dims[0]);
    return [
      { dims: x.dims, dtype: "f32" },
      { dims: history.dims, dtype: "f32" },
    ];
  },
  flops: ({ inputs: [x, w] }) => 2 * sizeOf(x) * (w[1] ?? 1),
  reference: ({ inputs: [x, weight, history, sequence] }) => {
    const [rows, channels] = x.extents;
    const taps = weight.extents[1];
    const past = taps - 1;
    const y = new Float64Array(rows * channels);
    const next = history.data.slice();
    for (let t = 0; t < rows; t++) {
      for (let c = 0; c < channels; c++) {
        const at = (sequence.data[t] * channels + c) * past;
        const now = x.data[t * channels + c];
        let sum = weight.data[c * taps + past] * now;
        for (let j = 0; j < past; j++) sum += weight.data[c * taps + j] * next[at + j];
        next.copyWithin(at, at + 1, at + past);
        next[at + past - 1] = now;
        y[t * channels + c] = sum;
      }
    }
    return [y, next];
  },
  vjp: LATER,
};

/**
 * Gated delta rule, one state S [C, N] per sequence and head: S ← e^decay S; δ = β (v − Sᵀk); S ← S + k δᵀ; y = Sᵀ q.
 * Inputs q, k [H, T, C], v [H, T, N], decay and beta [T, H]. Qwen3.5 modelling code; spec of version 4.6.
 */
export const deltaNet: OpDefinition = {
  equation: "S ← e^g S; δ = β (v − Sᵀk); S ← S + k δᵀ; y = Sᵀ q",
  effect: "state",
  infer: (call) => {
    const [q, k, v, decay, beta, state, sequence] = call.inputs;
    for (const [i, what] of ["q", "k", "v"].entries()) needRank(call, i, what, 3);
    needRank(call, 5, "state", 4);
    needDType(call, 6, "sequence", "i32");
    needDim(call, "the heads of k", q.dims[0], k.dims[0]);
    needDim(call, "the heads of v", q.dims[0], v.dims[0]);
    needDim(call, "the head width of k", q.dims[2], k.dims[2]);
    needDim(call, "the heads of decay", q.dims[0], decay.dims[1]);
    needDim(call, "the heads of beta", q.dims[0], beta.dims[1]);
    needDim(call, "the heads of the state", q.dims[0], state.dims[1]);
    needLength(call, "the key width of the state", q.dims[2], state.dims[2]);
    needLength(call, "the value width of the state", v.dims[2], state.dims[3]);
    needDim(call, "sequence", q.dims[1], sequence.dims[0]);
    return [
      { dims: v.dims, dtype: "f32" },
      { dims: state.dims, dtype: "f32" },
    ];
  },
  flops: ({ inputs: [q, , v] }) => 7 * sizeOf(q) * (v[2] ?? 1),
  reference: ({ inputs: [q, k, v, decay, beta, state, sequence] }) => {
    const [heads, rows, width] = q.extents;
    const valueWidth = v.extents[2];
    const y = new Float64Array(v.data.length);
    const next = state.data.slice();
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < rows; t++) {
        const at = (sequence.data[t] * heads + h) * width * valueWidth;
        const s = next.subarray(at, at + width * valueWidth);
        const row = h * rows + t;
        const keep = Math.exp(decay.data[t * heads + h]);
        const rate = beta.data[t * heads + h];
        stepState(
          s,
          { key: k.data.subarray(row * width, (row + 1) * width), keep, rate, valueWidth },
          (n) => v.data[row * valueWidth + n],
        );
        for (let c = 0; c < width; c++) {
          for (let n = 0; n < valueWidth; n++)
            y[row * valueWidth + n] += s[c * valueWidth + n] * q.data[row * width + c];
        }
      }
    }
    return [y, next];
  },
  vjp: LATER,
};

interface DeltaStep {
  readonly key: Float64Array;
  readonly keep: number;
  readonly rate: number;
  readonly valueWidth: number;
}

function stepState(s: Float64Array, { key, keep, rate, valueWidth }: DeltaStep, value: (n: number) => number): void {
  for (let i = 0; i < s.length; i++) s[i] *= keep;
  for (let n = 0; n < valueWidth; n++) {
    let known = 0;
    for (let c = 0; c < key.length; c++) known += s[c * valueWidth + n] * key[c];
    const delta = rate * (value(n) - known);
    for (let c = 0; c < key.length; c++) s[c * valueWidth + n] += key[c] * delta;
  }
}
