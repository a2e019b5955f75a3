/** Settings that decide a rotary embedding's frequencies. */
export interface RotarySettings {
  /** Base, `rope_theta`. */
  readonly theta: number;
  /** Values of a head that are rotated; even. */
  readonly rotatedWidth: number;
  /** LongRoPE divisors, one per pair (V-4.0). */
  readonly factors?: readonly number[];
}

/** θ^(−2i/width) ÷ factorᵢ for each pair, rounded to float32 as the published implementations hold them. */
export function inverseFrequencies({ theta, rotatedWidth, factors }: RotarySettings): readonly number[] {
  return Array.from({ length: rotatedWidth / 2 }, (_, i) => {
    const power = Math.fround(theta ** Math.fround((2 * i) / rotatedWidth));
    return Math.fround(1 / Math.fround((factors?.[i] ?? 1) * power));
  });
}
