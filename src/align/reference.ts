import { present } from "../base/invariant.ts";
import type { RunResult } from "../tensor/backend.ts";
import { answerInputs, type EncodedPair, type ReferencedPair } from "../train/preference-graph.ts";
import type { PackInputs } from "../train/trainer.ts";
import type { PackShape, TrainedModel } from "../train/training-graph.ts";

/** Runs `answerGraph` on the frozen model. */
export type RunAnswers = (inputs: PackInputs) => Promise<RunResult>;

export interface ReferenceOptions {
  readonly model: TrainedModel;
  readonly shape: PackShape;
  /** Pairs of one pack. */
  readonly pairs: number;
}

/** Log-probabilities of all pairs under the reference, computed once so that it need not stay in memory. */
export async function addReferences(
  pairs: readonly EncodedPair[],
  run: RunAnswers,
  options: ReferenceOptions,
): Promise<readonly ReferencedPair[]> {
  const referenced: ReferencedPair[] = [];
  for (let begin = 0; begin < pairs.length; begin += options.pairs) {
    const pack = pairs.slice(begin, begin + options.pairs);
    const { chosen, rejected } = await run(answerInputs(pack, options));
    for (const [i, pair] of pack.entries()) {
      referenced.push({
        ...pair,
        referenceChosen: present(chosen, "the better answers' log-probabilities")[i],
        referenceRejected: present(rejected, "the worse answers' log-probabilities")[i],
      });
    }
  }
  return referenced;
}

/** What DPO has done to pairs, for watching. */
export interface PreferenceMetrics {
  /** Mean of β (log π − log reference) of the better and of the worse answers. */
  readonly chosenReward: number;
  readonly rejectedReward: number;
  readonly margin: number;
  /** Share of pairs whose better answer has the higher reward. */
  readonly accuracy: number;
}

/** Rewards and margins from log-probabilities under the policy. */
export function preferenceMetrics(
  pairs: readonly ReferencedPair[],
  policy: { readonly chosen: ArrayLike<number>; readonly rejected: ArrayLike<number> },
  beta: number,
): PreferenceMetrics {
  const rewards = pairs.map(({ referenceChosen, referenceRejected }, i) => ({
    chosen: beta * (policy.chosen[i] - referenceChosen),
    rejected: beta * (policy.rejected[i] - referenceRejected),
  }));
  const mean = (pick: (reward: (typeof rewards)[number]) => number): number =>
    rewards.reduce((sum, reward) => sum + pick(reward), 0) / Math.max(1, rewards.length);
  return {
    chosenReward: mean(({ chosen }) => chosen),
    rejectedReward: mean(({ rejected }) => rejected),
    margin: mean(({ chosen, rejected }) => chosen - rejected),
    accuracy: mean(({ chosen, rejected }) => (chosen > rejected ? 1 : 0)),
  };
}

/** Reward of an answer for best-of-N: (β / tokens) · log π/reference, so that length does not decide. */
export function answerReward(
  { policy, reference, tokens }: { readonly policy: number; readonly reference: number; readonly tokens: number },
  beta: number,
): number {
  return (beta / Math.max(1, tokens)) * (policy - reference);
}
