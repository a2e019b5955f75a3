import { describe, expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { parseList, questionsByModel, splitByModel, splitByRule } from "./claims.ts";
import { answerScore, judgeClaims } from "./judge.ts";
import { type Instruction, judgeInstruction, preferenceSamples } from "./judge-instruction.ts";
import { type AnswerPair, balanceLengths, buildPairs, lengthDistance } from "./pairs.ts";
import { answerReward } from "./reference.ts";
import { sampleAnswers } from "./sample-answers.ts";

const ANSWER = "The sign is red, and the letters are white. I think it looks beautiful. There is a dog on the left.";

describe("claims", () => {
  test("by rule are sentences, halves with verbs of their own, and no opinions", () => {
    expect(splitByRule(ANSWER)).toEqual(["The sign is red.", "The letters are white.", "There is a dog on the left."]);
    expect(splitByRule("- A red car\n- A tree and a bush")).toEqual(["A red car", "A tree and a bush"]);
  });

  test("of a long answer stop after 300 words", () => {
    const long = "The car is red. ".repeat(200);
    expect(splitByRule(long).length).toBe(75);
  });

  test("by a model are its list, or the rule's where it gives none", async () => {
    const asked = { question: "What is here?", answer: ANSWER };
    expect(await splitByModel(async () => "- A sign is red.\n- A dog is there.", asked)).toEqual([
      "A sign is red.",
      "A dog is there.",
    ]);
    expect(await splitByModel(async () => "I cannot do that", asked)).toEqual(splitByRule(ANSWER));
    expect(parseList("NONE")).toEqual([]);
  });

  // would catch: questions put to the wrong claims after a model dropped one
  test("are asked by the rule where a model returns another number of questions", async () => {
    const questions = await questionsByModel(async () => "- Is it red?", ["It is red.", "It is big."]);
    expect(questions[1]).toContain("It is big.");
  });
});

describe("a verdict", () => {
  const firstToken = async (question: string) =>
    new Map(
      question.includes("dog")
        ? [
            ["No", 0.5],
            ["▁no", 0.2],
            ["yes", 0.3],
          ]
        : [
            ["Yes", 0.4],
            ["yes", 0.2],
            ["no", 0.4],
          ],
    );

  test("adds both cases, and a tie rejects", async () => {
    const claims = ["There is a dog.", "The sign is red."];
    const verdicts = await judgeClaims(claims, claims, { firstToken });
    expect(verdicts.map(({ isAccepted }) => isAccepted)).toEqual([false, true]);
    expect(verdicts[0].no).toBeCloseTo(0.7);
    expect(answerScore(verdicts)).toBe(-1);
    const tie = await judgeClaims(["x"], ["x"], {
      firstToken: async () =>
        new Map([
          ["yes", 0.5],
          ["no", 0.5],
        ]),
    });
    expect(answerScore(tie)).toBe(-1);
  });
});

describe("pairs", () => {
  const answers = [0, -1, -1, -3].map((score, i) => ({ text: `answer ${i}`, score }));

  test("put the higher score first, keep the gap, and are at most two", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const pairs = buildPairs(answers, { seed });
      expect(pairs.length, `seed ${seed}`).toBe(2);
      for (const { chosen, rejected } of pairs) expect(chosen.score - rejected.score).toBeGreaterThanOrEqual(1);
    }
    expect(buildPairs(answers, { seed: 1, gap: 3 })).toEqual([{ chosen: answers[0], rejected: answers[3] }]);
    expect(buildPairs(answers.slice(1, 3), { seed: 1 })).toEqual([]);
  });

  // would catch: preferences that teach nothing but brevity
  test("are balanced in length by the filter", () => {
    const random = seededRandom(4);
    const words = (count: number): string => Array.from({ length: count }, () => "word").join(" ");
    const pairs: AnswerPair[] = Array.from({ length: 200 }, () => {
      const length = 40 + random.below(60);
      return {
        chosen: { text: words(Math.round(length * (0.4 + 0.8 * random.next()))), score: 0 },
        rejected: { text: words(length), score: -2 },
      };
    });
    const { ratio, pairs: kept } = balanceLengths(pairs);
    expect(lengthDistance(pairs)).toBeGreaterThan(0.1);
    expect(lengthDistance(kept)).toBeLessThan(0.03);
    expect(kept.length).toBeGreaterThan(60);
    expect(ratio).toBeGreaterThan(0);
  });
});

test("sampled answers differ by their seeds alone", async () => {
  const seen: object[] = [];
  await sampleAnswers(
    async (request) => {
      seen.push(request);
      return "a";
    },
    { seed: 7, count: 3 },
  );
  expect(seen).toEqual([0, 1, 2].map((i) => ({ temperature: 0.7, maxTokens: 512, seed: 7000 + i })));
});

test("a reward is per token, so that a longer answer of the same quality does not win", () => {
  const short = answerReward({ policy: -10, reference: -12, tokens: 10 }, 0.1);
  expect(answerReward({ policy: -20, reference: -24, tokens: 20 }, 0.1)).toBeCloseTo(short, 12);
});

// An oracle that knows the picture judges: the labeller of the published pipeline takes its place unchanged.
test("an instruction goes through to pairs in which the better answer invents less", async () => {
  const truths = ["The sign is red.", "The letters are white.", "There is a dog on the left."];
  const inventions = ["There is a cat on the roof.", "The sky is green.", "The car is broken."];
  const instruction: Instruction = { id: "one", question: "Describe the picture.", image: "a.png" };
  const judged = await judgeInstruction(
    instruction,
    {
      generate: async ({ seed }) => {
        const random = seededRandom(seed);
        return [...truths.slice(0, 1 + random.below(3)), ...inventions.slice(0, random.below(4))].join(" ");
      },
      firstToken: async (question) =>
        new Map(
          truths.some((truth) => question.includes(truth))
            ? [
                ["Yes", 0.9],
                ["No", 0.1],
              ]
            : [["No", 0.8]],
        ),
    },
    { seed: 3 },
  );
  expect(judged.answers.length).toBe(10);
  const invented = (text: string): number => inventions.filter((claim) => text.includes(claim)).length;
  for (const { text, score } of judged.answers) expect(score).toBe(0 - invented(text));
  expect(judged.pairs.length).toBe(2);
  for (const { chosen, rejected } of judged.pairs) expect(invented(chosen.text)).toBeLessThan(invented(rejected.text));
  const [sample] = preferenceSamples(judged);
  expect(sample.turns[0].content).toBe("<image>\nDescribe the picture.");
  expect(sample.rejected).toBe(judged.pairs[0].rejected.text);
});
