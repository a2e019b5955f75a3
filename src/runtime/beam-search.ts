import { AbortedError } from "../base/errors.ts";
import { penaliseRepetition } from "./sampling/chain.ts";
import { logSumExp } from "./sampling/logits.ts";

/** What beam search asks of a model. */
export interface BeamModel {
  /** Logits behind each hypothesis: beam i takes up where beam parents[i] stood and reads tokens[i]. */
  advance(parents: readonly number[], tokens: readonly number[]): Promise<readonly Float32Array[]>;
}

export interface BeamOptions {
  readonly beamCount: number;
  readonly maxNewTokens: number;
  readonly minNewTokens?: number;
  readonly stopIds: ReadonlySet<number>;
  readonly repetitionPenalty?: number;
  /** Sums of log-probabilities are divided by length to this power. */
  readonly lengthPenalty?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A finished answer; `score` is its sum of log-probabilities over length^lengthPenalty. */
export interface Hypothesis {
  readonly ids: readonly number[];
  readonly score: number;
}

interface Beam {
  readonly ids: readonly number[];
  /** Sum of processed log-probabilities. */
  readonly sum: number;
}

interface Candidate extends Beam {
  readonly parent: number;
}

/**
 * Beam search with the semantics of transformers' generate (early_stopping false): the best hypotheses, best first.
 * Penalties act on log-probabilities; length counts generated tokens, the ending one included.
 */
export async function beamSearch(
  first: Float32Array,
  model: BeamModel,
  options: BeamOptions,
): Promise<readonly Hypothesis[]> {
  const { beamCount, stopIds, maxNewTokens, lengthPenalty = 1 } = options;
  // enough that beams remain when every hypothesis offers each ending token
  const keepCount = Math.max(2, 1 + stopIds.size) * beamCount;
  let beams: readonly Beam[] = [{ ids: [], sum: 0 }];
  let logits: readonly Float32Array[] = [first];
  let finished: Hypothesis[] = [];
  for (let length = 1; ; length++) {
    if (options.signal?.aborted === true) throw new AbortedError("The answer", { cause: options.signal.reason });
    const found = bestCandidates(beams, logits, keepCount, options);
    const isEnding = (one: Candidate): boolean => stopIds.has(one.ids[length - 1]) || length >= maxNewTokens;
    // only candidates among the best `beamCount` may finish; a worse one would not have been a beam
    const ended = found.slice(0, beamCount).filter(isEnding);
    finished = [...finished, ...ended.map(({ ids, sum }) => ({ ids, score: sum / length ** lengthPenalty }))]
      .sort((a, b) => b.score - a.score)
      .slice(0, beamCount);
    const open = found.filter((one) => !isEnding(one)).slice(0, beamCount);
    if (open.length === 0) return finished;
    const bestPossible = open[0].sum / length ** lengthPenalty;
    if (finished.length === beamCount && bestPossible <= finished[beamCount - 1].score) return finished;
    logits = await model.advance(
      open.map(({ parent }) => parent),
      open.map(({ ids }) => ids[length - 1]),
    );
    beams = open;
  }
}

function bestCandidates(
  beams: readonly Beam[],
  logits: readonly Float32Array[],
  keepCount: number,
  options: BeamOptions,
): Candidate[] {
  const best: { parent: number; id: number; sum: number }[] = [];
  for (const [parent, beam] of beams.entries()) {
    const scores = processedScores(logits[parent], beam.ids, options);
    for (let id = 0; id < scores.length; id++) {
      const sum = beam.sum + scores[id];
      if (best.length === keepCount && !(sum > best[keepCount - 1].sum)) continue;
      if (sum === Number.NEGATIVE_INFINITY) continue;
      let at = best.length === keepCount ? keepCount - 1 : best.length;
      while (at > 0 && sum > best[at - 1].sum) {
        best[at] = best[at - 1];
        at--;
      }
      best[at] = { parent, id, sum };
    }
  }
  return best.map(({ parent, id, sum }) => ({ parent, sum, ids: [...beams[parent].ids, id] }));
}

function processedScores(logits: Float32Array, ids: readonly number[], options: BeamOptions): Float32Array {
  const total = logSumExp(logits);
  const scores = logits.map((logit) => logit - total);
  penaliseRepetition(scores, ids, options.repetitionPenalty ?? 1);
  if (ids.length < (options.minNewTokens ?? 0)) {
    for (const id of options.stopIds) scores[id] = Number.NEGATIVE_INFINITY;
  }
  return scores;
}
