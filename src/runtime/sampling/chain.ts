import type { Random } from "../../base/random.ts";
import { argMax, largest } from "./logits.ts";
import type { SamplingSettings } from "./settings.ts";

/** Lowers tokens that were generated before: positive logits are divided, negative ones multiplied. */
export function penaliseRepetition(logits: Float32Array, generated: Iterable<number>, penalty: number): void {
  if (penalty === 1) return;
  for (const id of new Set(generated)) {
    if (id < logits.length) logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
  }
}

/** Candidates after the chain: ids, most likely first where sorted, and probabilities that sum to 1. */
export interface Candidates {
  readonly ids: readonly number[];
  readonly probabilities: Float64Array;
}

/**
 * Temperature, then top-k, top-p and min-p, each on what the one before left: the order of transformers' processors.
 * `logits` come with penalties and masks applied.
 */
export function candidates(logits: Float32Array, settings: SamplingSettings): Candidates {
  const top = logits[argMax(logits)];
  const weightOf = (id: number): number => Math.exp((logits[id] - top) / settings.temperature);
  let ids = kept(logits, weightOf, settings);
  let weights = ids.map(weightOf);
  if (settings.topP < 1) {
    const length = nucleusLength(weights, settings.topP);
    ids = ids.slice(0, length);
    weights = weights.slice(0, length);
  }
  if (settings.minP > 0) {
    const floor = settings.minP * weights.reduce((a, b) => Math.max(a, b), 0);
    const isKept = weights.map((weight) => weight >= floor);
    ids = ids.filter((_, i) => isKept[i]);
    weights = weights.filter((_, i) => isKept[i]);
  }
  const sum = weights.reduce((a, b) => a + b, 0);
  return { ids, probabilities: Float64Array.from(weights, (weight) => weight / sum) };
}

/** Ids that top-k leaves, sorted where a later step needs the order. */
function kept(logits: Float32Array, weightOf: (id: number) => number, settings: SamplingSettings): number[] {
  const isAllowed = (id: number): boolean => logits[id] > Number.NEGATIVE_INFINITY;
  if (settings.topK > 0) return largest(logits, Math.min(settings.topK, logits.length)).filter(isAllowed);
  if (settings.topP >= 1) return Array.from(logits.keys()).filter(isAllowed);
  // All tokens below (1 - p) / V together weigh less than 1 - p, so none of them is in the nucleus: they need no sorting.
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += weightOf(id);
  const floor = ((1 - settings.topP) / logits.length) * sum;
  return Array.from(logits.keys())
    .filter((id) => isAllowed(id) && weightOf(id) >= floor)
    .sort((a, b) => logits[b] - logits[a] || a - b);
}

/** Length of the smallest prefix whose share reaches `topP`; at least 1. `weights` are sorted, largest first. */
function nucleusLength(weights: readonly number[], topP: number): number {
  const wanted = topP * weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (const [i, weight] of weights.entries()) {
    sum += weight;
    if (sum >= wanted) return i + 1;
  }
  return weights.length;
}

/** Draws an id. One random number is used for every draw, so that streams stay in step. */
export function draw({ ids, probabilities }: Candidates, random: Random): number {
  let rest = random.next();
  for (const [i, id] of ids.entries()) {
    rest -= probabilities[i];
    if (rest < 0) return id;
  }
  // the probabilities sum to 1 but for rounding
  return ids[ids.length - 1];
}
