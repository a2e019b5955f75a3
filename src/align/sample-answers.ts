import { AbortedError } from "../base/errors.ts";

/** Decoding that all answers of a group share, so that they differ by chance alone ("deconfounded", arXiv 2405.17220 §2.1). */
export interface AnswerSampling {
  readonly temperature: number;
  readonly maxTokens: number;
}

/** Settings of RLAIF-V's published scripts. */
export const RLAIF_SAMPLING: AnswerSampling = { temperature: 0.7, maxTokens: 512 };

/** Answers one instruction; equal seeds give equal answers. */
export type GenerateAnswer = (request: AnswerSampling & { readonly seed: number }) => Promise<string>;

/** Several answers to one instruction, doubles kept: they say how sure the policy is. */
export async function sampleAnswers(
  generate: GenerateAnswer,
  {
    count = 10,
    seed,
    sampling = RLAIF_SAMPLING,
    signal,
  }: {
    readonly count?: number;
    readonly seed: number;
    readonly sampling?: AnswerSampling;
    readonly signal?: AbortSignal;
  },
): Promise<readonly string[]> {
  const answers: string[] = [];
  for (let i = 0; i < count; i++) {
    if (signal?.aborted) throw new AbortedError("Sampling answers", { cause: signal.reason });
    answers.push(await generate({ ...sampling, seed: seed * 1000 + i }));
  }
  return answers;
}
