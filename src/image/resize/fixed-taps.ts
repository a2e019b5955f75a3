import type { AxisTaps } from "./axis-taps.ts";

/** Integer weights of one axis: the weights of an output sum to about 2^bits. */
export interface FixedTaps {
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly stride: number;
  readonly weights: Int32Array;
  readonly bits: number;
}

/** Weights times 2^bits, truncated after adding ±0.5: for negative halves that is not Math.round. */
export function fixedTaps(taps: AxisTaps, bits: number): FixedTaps {
  const weights = new Int32Array(taps.weights.length);
  for (let i = 0; i < weights.length; i++) {
    const scaled = taps.weights[i] * 2 ** bits;
    weights[i] = Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }
  return { ...taps, weights, bits };
}
