import { NotFiniteError } from "../errors.ts";

/** Index of the largest logit; the first of equals. Throws NotFiniteError for NaN, +∞, or when nothing is allowed. */
export function argMax(logits: Float32Array): number {
  let best = -1;
  let top = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id];
    if (value > top) {
      top = value;
      best = id;
    } else if (Number.isNaN(value)) throw new NotFiniteError(`The logit of token ${id}`, value);
  }
  if (best < 0 || top === Number.POSITIVE_INFINITY) throw new NotFiniteError("The largest logit", top);
  return best;
}

/** log Σ exp(logits), in double precision. Throws NotFiniteError. */
export function logSumExp(logits: Float32Array): number {
  const top = logits[argMax(logits)];
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - top);
  return top + Math.log(sum);
}

/** A token and how likely the model holds it, before any sampling setting. */
export interface TokenLogProbability {
  readonly id: number;
  readonly logProbability: number;
}

/** The `count` most likely tokens, most likely first. */
export function topLogProbabilities(logits: Float32Array, count: number): TokenLogProbability[] {
  const total = logSumExp(logits);
  return largest(logits, count).map((id) => ({ id, logProbability: logits[id] - total }));
}

/** Ids of the `count` largest logits, largest first; the lower id first among equals. */
export function largest(logits: Float32Array, count: number): number[] {
  if (count >= logits.length / 8) {
    return Array.from(logits.keys())
      .sort((a, b) => logits[b] - logits[a] || a - b)
      .slice(0, count);
  }
  // a list kept in order: far cheaper than sorting a vocabulary, since most tokens fail the first comparison
  const kept: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (kept.length === count && !(logits[id] > logits[kept[count - 1]])) continue;
    let at = kept.length === count ? count - 1 : kept.length;
    while (at > 0 && logits[id] > logits[kept[at - 1]]) {
      kept[at] = kept[at - 1];
      at--;
    }
    kept[at] = id;
  }
  return kept;
}
