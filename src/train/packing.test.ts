import { describe, expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { grad } from "../tensor/grad.ts";
import { slotsOf } from "../tensor/graph.ts";
import { interpret } from "../tensor/oracle.ts";
import { type EncodedSample, needFits, packInputs, packRoom, supervisedCount } from "./pack-inputs.ts";
import { fitsRoom, type PackedSize, packBestFit, packFill, packNextFit } from "./packing.ts";
import { TINY, TINY_SHAPE, tinySample, tinyWeights } from "./testing/tiny-model.ts";
import { trainingGraph } from "./training-graph.ts";

const ROOM = { tokens: 1000, patches: 4000, views: 10 };

function randomSizes(seed: number, count: number): readonly PackedSize[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const views = random.below(5);
    return { tokens: 20 + random.below(600), patches: views * 256, views };
  });
}

describe.each([
  ["best fit", packBestFit],
  ["next fit", packNextFit],
] as const)("%s", (name, pack) => {
  // would catch: a sample lost or doubled, a pack over its budget of tokens, patches or views
  test("places every sample once and keeps every budget", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const sizes = randomSizes(seed, 80);
      const packing = pack(sizes, ROOM);
      expect(
        packing.flat().sort((a, b) => a - b),
        `seed ${seed}`,
      ).toEqual(sizes.map((_, i) => i));
      for (const members of packing) {
        const sum = members.reduce(
          (total, i) => ({
            tokens: total.tokens + sizes[i].tokens,
            patches: total.patches + sizes[i].patches,
            views: total.views + sizes[i].views,
          }),
          { tokens: 0, patches: 0, views: 0 },
        );
        expect(fitsRoom(sum, ROOM), `seed ${seed}`).toBe(true);
      }
      if (name === "next fit") expect(packing.flat(), `seed ${seed}`).toEqual(sizes.map((_, i) => i));
    }
  });
});

test("best fit fills packs above nine tenths where text alone decides", () => {
  const sizes = randomSizes(3, 200).map(({ tokens }) => ({ tokens, patches: 0, views: 0 }));
  expect(packFill(packBestFit(sizes, ROOM), sizes, ROOM)).toBeGreaterThan(0.9);
});

const GRAPH = trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text" });
const NAMES = Object.keys(GRAPH.weights).filter((name) => !name.startsWith("computed."));
const WITH_GRADIENTS = grad(GRAPH, "loss", NAMES);

function run(samples: readonly EncodedSample[], textScale: number): Readonly<Record<string, Float64Array>> {
  const inputs = { ...packInputs(samples, { model: TINY, shape: TINY_SHAPE, textScale }), lossScale: [1] };
  const extents = slotsOf(WITH_GRADIENTS);
  const { outputs } = interpret(WITH_GRADIENTS, { extents, weights: tinyWeights(GRAPH), inputs });
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
}

// would catch: attention across samples, positions that run on, padding that is trained on, a mean of means
test("packed training equals unpacked training to 1e-6", () => {
  const samples = [
    tinySample(1, { rows: 2, columns: 3, words: 4, answer: 5 }),
    tinySample(2, { rows: 0, columns: 0, words: 3, answer: 2 }),
    tinySample(3, { rows: 1, columns: 4, words: 6, answer: 1 }),
  ];
  const scale = 1 / samples.reduce((sum, sample) => sum + supervisedCount(sample), 0);
  const packed = run(samples, scale);
  const alone = samples.map((sample) => run([sample], scale));
  for (const name of ["loss", ...NAMES.map((weight) => `grad:${weight}`)]) {
    const summed = Array.from(packed[name], (_, i) => alone.reduce((sum, result) => sum + result[name][i], 0));
    const power = Math.sqrt(summed.reduce((sum, v) => sum + v * v, 0));
    const error = Math.sqrt(summed.reduce((sum, v, i) => sum + (v - packed[name][i]) ** 2, 0));
    expect(error, name).toBeLessThan(1e-6 * Math.max(power, 1e-9));
  }
});

// would catch: an answer cut at the end of the context and trained on as if it were whole
test("a sample longer than the context, or than a pack, is refused by name", () => {
  const place = { file: "d.json", index: 4 };
  const long = { ...tinySample(1, { rows: 0, columns: 0, words: 4, answer: 200 }), place };
  expect(() => needFits(long, TINY, TINY_SHAPE)).toThrow(/d\.json, sample 4.*205 tokens.*reads 128/);
  const wide = { ...tinySample(1, { rows: 5, columns: 5, words: 4, answer: 2 }), place };
  expect(() => needFits(wide, TINY, TINY_SHAPE)).toThrow(/sample 4.*25 patches/);
  needFits(tinySample(1, { rows: 2, columns: 5, words: 4, answer: 2 }), TINY, TINY_SHAPE);
});

test("samples that packRoom admits always have places for the rows of unused views", () => {
  const room = packRoom(TINY_SHAPE, TINY.resampler.queryCount);
  const words = room.tokens - 3;
  const text = tinySample(1, { rows: 0, columns: 0, words, answer: 2 });
  const inputs = packInputs([text], { model: TINY, shape: TINY_SHAPE, textScale: 1 });
  expect(new Set(inputs.visualAt).size).toBe(TINY_SHAPE.views * TINY.resampler.queryCount);
  expect(Math.min(...inputs.visualAt)).toBeGreaterThanOrEqual(text.ids.length);
});
