/** Settings of AdamW (arXiv 1711.05101). */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
}

export const ADAMW_DEFAULTS: AdamWOptions = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.05 };

/** First and second moment of one tensor. */
export interface Moments {
  readonly first: Float32Array<ArrayBuffer>;
  readonly second: Float32Array<ArrayBuffer>;
}

/** A tensor under training. */
export interface Parameter {
  readonly name: string;
  readonly values: Float32Array;
  readonly moments: Moments;
  /** False for norms, biases, positions and queries. */
  readonly isDecayed: boolean;
}

/** Names whose tensors are not decayed: vectors, tables and queries. */
export function isDecayed(name: string, shape: readonly number[]): boolean {
  return shape.length > 1 && !/position_embedding|embed_tokens|resampler\.query|norm/.test(name);
}

/** One step over one tensor, moments corrected for their start; `step` counts from 1. */
export function adamwStep(
  { values, moments, isDecayed: decays }: Parameter,
  gradient: Float32Array,
  {
    step,
    rate,
    scale,
    options,
  }: { readonly step: number; readonly rate: number; readonly scale: number; readonly options: AdamWOptions },
): void {
  const { beta1, beta2, eps, weightDecay } = options;
  const { first, second } = moments;
  const correction = Math.sqrt(1 - beta2 ** step) / (1 - beta1 ** step);
  const stepSize = rate * correction;
  const guard = eps * Math.sqrt(1 - beta2 ** step);
  const keep = decays ? 1 - rate * weightDecay : 1;
  for (let i = 0; i < values.length; i++) {
    const g = gradient[i] * scale;
    const m = beta1 * first[i] + (1 - beta1) * g;
    const v = beta2 * second[i] + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    values[i] = values[i] * keep - (stepSize * m) / (Math.sqrt(v) + guard);
  }
}

/** Euclidean norm over all tensors, summed in double. */
export function globalNorm(gradients: Iterable<Float32Array>): number {
  let sum = 0;
  for (const gradient of gradients) {
    for (let i = 0; i < gradient.length; i++) sum += gradient[i] * gradient[i];
  }
  return Math.sqrt(sum);
}
