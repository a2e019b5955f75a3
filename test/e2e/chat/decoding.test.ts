import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { memorySource } from "../../../src/io/memory-source.ts";
import { beamSearch } from "../../../src/runtime/beam-search.ts";
import { candidates, penaliseRepetition } from "../../../src/runtime/sampling/chain.ts";
import { GREEDY } from "../../../src/runtime/sampling/settings.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";
import { RECORDED, recordedMessages, tinyFolder, tinyModel } from "./tiny-model.ts";

interface Decoding {
  readonly beamSearch: readonly {
    readonly options: {
      readonly beams: number;
      readonly repetitionPenalty: number;
      readonly lengthPenalty: number;
      readonly maxNewTokens: number;
    };
    readonly endTokens: readonly number[];
    readonly tokens: readonly number[];
    readonly score: number;
  }[];
  readonly samplers: readonly {
    readonly options: Readonly<Record<string, number>>;
    readonly logitsRow: number;
    readonly generated: readonly number[];
    readonly kept: readonly (readonly [number, number])[];
  }[];
}

const DECODING: Decoding = JSON.parse(await readFile(`${tinyFolder("v2.6")}/decoding.json`, "utf8"));

/** Official logits behind the prompt of case `small` and each of its greedy tokens. */
async function teacherLogits(): Promise<{ readonly all: Float32Array; readonly width: number }> {
  const taps = await openCheckpoint(memorySource(await readFile(`${tinyFolder("v2.6")}/taps.safetensors`), "taps"));
  const tensor = taps.tensor("small.teacher_logits");
  const { buffer } = await tensor.read();
  const all = tensor.type === "F64" ? Float32Array.from(new Float64Array(buffer)) : new Float32Array(buffer);
  return { all, width: tensor.shape[1] };
}

// catches another order of the sampler chain than that of transformers' generate()
test("the sampler chain leaves the tokens and probabilities that transformers' leaves", async () => {
  const { all, width } = await teacherLogits();
  for (const { options, logitsRow, generated, kept } of DECODING.samplers) {
    const logits = all.slice(logitsRow * width, (logitsRow + 1) * width);
    penaliseRepetition(logits, generated, options.repetitionPenalty ?? 1);
    const left = candidates(logits, { ...GREEDY, temperature: 1, ...options });
    const found = left.ids.map((id, i) => [id, left.probabilities[i]] as const).sort((a, b) => b[1] - a[1]);
    const label = JSON.stringify({ options, logitsRow });
    expect(found.map(([id]) => id).sort(), label).toEqual(kept.map(([id]) => id).sort());
    for (const [id, probability] of kept) {
      expect(found.find(([other]) => other === id)?.[1], label).toBeCloseTo(probability, 5);
    }
  }
});

// catches probabilities after the sampling settings, or shifted by one token
test("each token's log-probability is that of the official logits", async () => {
  const { all, width } = await teacherLogits();
  await using model = await tinyModel();
  const answer = await model.complete(await recordedMessages("v2.6", "small"), RECORDED);
  let sum = 0;
  for (const [i, { id, logProbability }] of answer.tokens.entries()) {
    const row = all.subarray(i * width, (i + 1) * width);
    const expected = row[id] - Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0));
    expect(logProbability).toBeCloseTo(expected, 4);
    sum += expected;
  }
  expect(answer.logProbability).toBeCloseTo(sum, 3);
});

// catches other semantics of finished beams, length penalty or repetition penalty than transformers' generate()
test.each(DECODING.beamSearch.map((search, i) => [i, search] as const))(
  "beam search %i gives transformers' tokens and score",
  async (_, { options, endTokens, tokens, score }) => {
    await using model = await tinyModel();
    const messages = await recordedMessages("v2.6", "small");
    // the prompt is read once by the public API; the search then runs on its own with the recording's ending tokens
    await model.complete(messages, { ...RECORDED, maxNewTokens: 1 });
    const found = await model.searchBeams(messages, {
      beamCount: options.beams,
      maxNewTokens: options.maxNewTokens,
      repetitionPenalty: options.repetitionPenalty,
      lengthPenalty: options.lengthPenalty,
      stopIds: new Set(endTokens),
    });
    expect(found[0].ids).toEqual(tokens);
    expect(found[0].score).toBeCloseTo(score, 4);
  },
);

// catches a search that loses the best answer: brute force over all answers of a toy decoder
test("with as many beams as there are answers, beam search finds the best one", async () => {
  const vocabulary = 4;
  const end = 3;
  const logitsFor = (ids: readonly number[]): Float32Array =>
    Float32Array.from({ length: vocabulary }, (_, id) => Math.sin(7 * id + 3 * ids.reduce((h, x) => 5 * h + x + 1, 1)));
  const logProbability = (ids: readonly number[], id: number): number => {
    const logits = logitsFor(ids);
    return logits[id] - Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
  };
  const length = 4;
  let best = { ids: [] as readonly number[], score: Number.NEGATIVE_INFINITY };
  const explore = (ids: readonly number[], sum: number): void => {
    if (ids.at(-1) === end || ids.length === length) {
      const score = sum / ids.length;
      if (score > best.score) best = { ids, score };
      return;
    }
    for (let id = 0; id < vocabulary; id++) explore([...ids, id], sum + logProbability(ids, id));
  };
  explore([], 0);
  let paths: (readonly number[])[] = [[]];
  const [found] = await beamSearch(
    logitsFor([]),
    {
      advance: async (parents, tokens) => {
        paths = parents.map((parent, i) => [...paths[parent], tokens[i]]);
        return paths.map(logitsFor);
      },
    },
    { beamCount: vocabulary ** length, maxNewTokens: length, stopIds: new Set([end]) },
  );
  expect(found.ids).toEqual(best.ids);
  expect(found.score).toBeCloseTo(best.score, 5);
});
