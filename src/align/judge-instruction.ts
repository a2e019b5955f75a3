import type { AskModel } from "../train/data/rewrite-captions.ts";
import type { ChatSample } from "../train/data/sample.ts";
import { questionByRule, questionsByModel, splitByModel, splitByRule } from "./claims.ts";
import { answerScore, type FirstToken, judgeClaims, type Verdict } from "./judge.ts";
import { type AnswerPair, buildPairs, type PairOptions } from "./pairs.ts";
import { type GenerateAnswer, sampleAnswers } from "./sample-answers.ts";

/** One instruction of a feedback round. */
export interface Instruction {
  readonly id: string;
  readonly question: string;
  /** Path, URL or data: URI. */
  readonly image: string;
}

/** Models of a round; each may be this project's engine or any OpenAI-compatible endpoint. */
export interface FeedbackModels {
  /** The policy that is being aligned. */
  readonly generate: GenerateAnswer;
  /** The labeller; it sees the instruction's picture. */
  readonly firstToken: FirstToken;
  /** Splits answers and makes questions; rules do where it is absent. */
  readonly ask?: AskModel;
}

/** An answer with what was found out about it. */
export interface JudgedAnswer {
  readonly text: string;
  readonly verdicts: readonly Verdict[];
  readonly score: number;
}

/** Everything that one instruction gave, kept for looking at. */
export interface JudgedInstruction {
  readonly instruction: Instruction;
  readonly answers: readonly JudgedAnswer[];
  readonly pairs: readonly AnswerPair[];
}

/** Samples answers, divides them into claims, judges each claim, and draws pairs (RLAIF-V, arXiv 2405.17220 §2). */
export async function judgeInstruction(
  instruction: Instruction,
  models: FeedbackModels,
  options: PairOptions & { readonly count?: number; readonly signal?: AbortSignal },
): Promise<JudgedInstruction> {
  const { signal } = options;
  const texts = await sampleAnswers(models.generate, options);
  const judged = new Map<string, JudgedAnswer>();
  for (const text of new Set(texts)) judged.set(text, await judgeAnswer(instruction, text, { models, signal }));
  const answers = texts.flatMap((text) => judged.get(text) ?? []);
  return { instruction, answers, pairs: buildPairs(answers, options) };
}

async function judgeAnswer(
  { question }: Instruction,
  text: string,
  { models, signal }: { readonly models: FeedbackModels; readonly signal: AbortSignal | undefined },
): Promise<JudgedAnswer> {
  const { ask, firstToken } = models;
  const claims = ask === undefined ? splitByRule(text) : await splitByModel(ask, { question, answer: text }, signal);
  const questions = ask === undefined ? claims.map(questionByRule) : await questionsByModel(ask, claims, signal);
  const verdicts = await judgeClaims(claims, questions, signal === undefined ? { firstToken } : { firstToken, signal });
  return { text, verdicts, score: answerScore(verdicts) };
}

/** Pairs as samples that every data format writes: the better answer last, the worse one beside it. */
export function preferenceSamples({ instruction, pairs }: JudgedInstruction): readonly ChatSample[] {
  return pairs.map(({ chosen, rejected }, i) => ({
    id: `${instruction.id}.${i}`,
    images: [instruction.image],
    turns: [
      { role: "user", content: `<image>\n${instruction.question}` },
      { role: "assistant", content: chosen.text },
    ],
    rejected: rejected.text,
  }));
}
