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

/** Divisors of LongRoPE as a file gives them: one list for short contexts, one beyond `originalLength`. */
export interface LongRopeSettings {
  readonly short: ArrayLike<number>;
  readonly long: ArrayLike<number>;
  readonly originalLength: number;
  readonly contextLength: number;
}

/**
 * The one list of divisors that serves every position (arXiv 2402.13753). V-4.0's two lists are equal; where they
 * differ the short one is taken and the context ends where the switch would come.
 */
export function longRopeFactors(settings: LongRopeSettings): {
  readonly factors: readonly number[];
  readonly contextLength: number;
} {
  const factors = Array.from(settings.short);
  const isOneList = factors.length === settings.long.length && factors.every((f, i) => f === settings.long[i]);
  const { contextLength, originalLength } = settings;
  return { factors, contextLength: isOneList ? contextLength : Math.min(contextLength, originalLength) };
}
