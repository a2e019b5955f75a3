import type { BenchCase, CaseError } from "../../scripts/bench-lib.ts";
import { seededRandom } from "../../src/base/random.ts";
import { inverseFrequencies } from "../../src/nn/rotary-frequencies.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import { grad } from "../../src/tensor/grad.ts";
import { computedWeights } from "../../src/train/computed-weights.ts";
import { initialise } from "../../src/train/initialise.ts";
import { type EncodedSample, packedSize, packInputs, packRoom, supervisedCount } from "../../src/train/pack-inputs.ts";
import { packBestFit } from "../../src/train/packing.ts";
import { packedFlops } from "../../src/train/recipe/plan-recipe.ts";
import { type PackInputs, Trainer } from "../../src/train/trainer.ts";
import { type PackShape, type TrainedModel, trainingGraph } from "../../src/train/training-graph.ts";

/** About 9 M parameters: the size of the model that the package ships. */
export const BENCH_MODEL: TrainedModel = {
  vision: {
    width: 256,
    layerCount: 5,
    headCount: 4,
    feedForward: 768,
    patchSize: 14,
    tableSide: 70,
    eps: 1e-6,
    positions: "navit",
    activation: "tanh",
  },
  resampler: {
    queryCount: 64,
    width: 256,
    headCount: 2,
    hasQueryPositions: false,
    keyPositions: "fresh",
    hasTime: false,
    projection: "transposed",
  },
  decoder: {
    width: 256,
    layerCount: 5,
    headCount: 4,
    groupCount: 2,
    headWidth: 64,
    feedForward: 768,
    vocabularySize: 1024,
    eps: 1e-6,
    inverseFrequencies: inverseFrequencies({ theta: 10000, rotatedWidth: 64 }),
    rotaryPairing: "half",
    hasAttentionBias: false,
    hasHeadNorm: false,
    isTied: false,
    contextLength: 4096,
    embeddingScale: 1,
    residualScale: 1,
    logitDivisor: 1,
  },
};

/** A step gives new weights, not an answer. */
const GRADIENTS: CaseError = {
  metric: "not available",
  reason: "a step has no answer to compare; test/golden/autograd holds its gradients to torch's",
};

async function trainerOf(
  backend: Backend,
  shape: PackShape,
  blocks: Readonly<Record<string, number>> = {},
): Promise<{ trainer: Trainer; flops: number }> {
  const graph = trainingGraph(BENCH_MODEL, { shape, parts: "text" });
  const fresh = initialise(graph, { seed: 1, layerCount: BENCH_MODEL.decoder.layerCount });
  const weights = { ...fresh, ...computedWeights(graph) };
  const trainer = await Trainer.create({ backend, graph, weights, trainable: () => true, blocks });
  return { trainer, flops: packedFlops(grad(graph, "loss", Object.keys(fresh)), shape) };
}

function sample(seed: number, views: number, words: number): EncodedSample {
  const random = seededRandom(seed);
  const [side, queries] = [16, BENCH_MODEL.resampler.queryCount];
  const length = views * queries + words;
  return {
    ids: Array.from({ length }, () => random.below(BENCH_MODEL.decoder.vocabularySize)),
    supervised: Array.from({ length }, (_, t) => t >= length - words / 2),
    views: Array.from({ length: views }, () => ({
      grid: { rows: side, columns: side },
      values: Float32Array.from({ length: side * side * 588 }, () => random.normal()),
    })),
    visualStarts: Array.from({ length: views }, (_, v) => v * queries),
  };
}

function inputsOf(samples: readonly EncodedSample[], shape: PackShape): PackInputs {
  const total = samples.reduce((sum, one) => sum + supervisedCount(one), 0);
  return packInputs(samples, { model: BENCH_MODEL, shape, textScale: 1 / total });
}

/** One optimiser step over one full pack: forward, backward, clipping and AdamW. */
export async function stepCase(backend: Backend): Promise<BenchCase> {
  const shape = { views: 4, patches: 1024, tokens: 768 };
  // four samples of one size: attention is a batch of equal blocks, as it is in the peers
  const blocks = { spans: shape.views, querySpans: shape.views, textSpans: shape.views };
  const { trainer, flops } = await trainerOf(backend, shape, blocks);
  const inputs = inputsOf(
    [1, 2, 3, 4].map((seed) => sample(seed, 1, 128)),
    shape,
  );
  let step = 0;
  return {
    name: "training step, 9 M parameters",
    path: backend.info.name,
    threads: backend.info.threadCount,
    unit: "GFLOP/s",
    work: flops / 1e9,
    error: GRADIENTS,
    run: async () => {
      step++;
      await trainer.step([inputs], { step, rate: 1e-4 });
    },
  };
}

/** Lengths of short captions and answers: log-normal, median 60 tokens, σ 0.9, from 16 to 448. */
export function captionLengths(count: number): readonly number[] {
  const random = seededRandom(20);
  return Array.from({ length: count }, () =>
    Math.min(448, Math.max(16, Math.round(60 * Math.exp(0.9 * random.normal())))),
  );
}

/** The same samples packed and one by one in sequences as long as a pack; samples a second tell the speed-up. */
export async function packingCases(backend: Backend): Promise<readonly BenchCase[]> {
  const shape = { views: 1, patches: 16, tokens: 512 };
  const samples = captionLengths(32).map((words, i) => sample(100 + i, 0, words));
  const room = packRoom(shape, BENCH_MODEL.resampler.queryCount);
  const packing = packBestFit(samples.map(packedSize), room);
  const { trainer } = await trainerOf(backend, shape);
  const ways = {
    "packed, best fit": packing.map((members) => members.map((i) => samples[i])),
    "one sample a sequence": samples.map((one) => [one]),
  };
  return Object.entries(ways).map(([name, packs]) => {
    const inputs = packs.map((pack) => inputsOf(pack, shape));
    let step = 0;
    return {
      name: `32 captions, ${name}`,
      path: backend.info.name,
      threads: backend.info.threadCount,
      unit: "samples/s",
      work: samples.length,
      error: GRADIENTS,
      run: async () => {
        step++;
        await trainer.step(inputs, { step, rate: 1e-5 });
      },
    };
  });
}
