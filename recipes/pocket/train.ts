// Trains the embedded model. usage: node train.ts --run FOLDER [--minutes 60] [--stage NAME] [--workers 2] [--init FILE] [--start-decoder]
// A run saves every few minutes and goes on from its folder. Stages are named in STAGES and follow the paper's order:
// 0a reads characters off single patches, then everything learns together on lines, blocks and documents.
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createOnnxBackend } from "../../src/backend/onnx/onnx-backend.ts";
import type { Graph } from "../../src/tensor/graph.ts";
import { tokenizerFromJson } from "../../src/tokenizer/tokenizer-json.ts";
import { computedWeights } from "../../src/train/computed-weights.ts";
import { initialise } from "../../src/train/initialise.ts";
import { loadRun, readTensors, saveRun } from "../../src/train/run-folder.ts";
import { warmupStableDecay } from "../../src/train/schedule.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { type PackShape, trainingGraph } from "../../src/train/training-graph.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { type StageName, stages } from "./data/stage.ts";
import { sampleStream } from "./data/stream.ts";
import type { Stage } from "./data/types.ts";
import { readTurn } from "./eval-sets.ts";
import { addSample, emptyPack, type Pack, packBlocks, packInputs, supervisedCounts } from "./pack.ts";
import { CHARACTERS, POCKET, POCKET_HEADS } from "./pocket-model.ts";
import { legibleViews, prepare } from "./prepare.ts";
import { startDecoder, startWeights } from "./start-weights.ts";

interface TrainingStage {
  readonly data: StageName | Stage;
  readonly parts: "dense" | "text" | "both";
  readonly shape: PackShape;
  readonly packsPerStep: number;
  readonly rate: number;
  /** Factor on the rate for the matrices that take orthogonal updates. */
  readonly orthogonalScale: number;
  /** Share of the dense loss beside the text loss. */
  readonly denseShare: number;
  readonly decayShare: number;
  /** One plain question a picture instead of the generator's. */
  readonly isPlain?: boolean;
  /** Weights that this stage trains; all of the graph's when absent. */
  readonly trains?: (name: string) => boolean;
}

/** Share of the loss of places beside the text loss. */
const PLACE_SHARE = 0.6;

/** Patches that a view may have: most have fewer, and few have more, whose samples are passed over. */
const [USUAL_PATCHES, MOST_PATCHES] = [448, 480];

/** A pack of `views` blocks. */
function packShape(views: number, tokens: number, patches = MOST_PATCHES): PackShape {
  return { views, patches: views * patches, tokens };
}

const reading: Stage = {
  ...stages.blocks,
  kinds: { line: 6, block: 3, label: 2, heading: 1, form: 1 },
  turns: [1, 2],
  degradation: 0.35,
};

/** Views full of print: the dense stage learns from characters, and a view costs the same however many it holds. */
const dense: Stage = {
  ...stages.blocks,
  kinds: { sheet: 8, page: 1, line: 1 },
  fontPixels: [15, 25],
  turns: [1, 1],
  degradation: 0.25,
};

/** Stages of the recipe, smallest task first. */
const STAGES: Readonly<Record<string, TrainingStage>> = {
  // shows in minutes that everything works together: digits in two faces, one size, clean
  short: {
    data: {
      ...dense,
      kinds: { sheet: 1 },
      families: ["roboto-mono", "lato"],
      lineKinds: { digits: 2, price: 1, date: 1 },
      fontPixels: [19, 21],
      degradation: 0,
    },
    parts: "dense",
    shape: packShape(3, 4096, USUAL_PATCHES),
    packsPerStep: 2,
    rate: 1.5e-3,
    orthogonalScale: 6,
    denseShare: 1,
    decayShare: 0.2,
  },
  // the paper's stages assume a pre-trained tower: this stands in for it
  "0a": {
    data: dense,
    parts: "dense",
    shape: packShape(5, 4096, USUAL_PATCHES),
    packsPerStep: 2,
    rate: 1.2e-3,
    orthogonalScale: 6,
    denseShare: 1,
    decayShare: 0.8,
  },
  // the decoder joins: lines and pages of whole lines are read in words, sheets go on teaching the tower
  reading: {
    data: {
      ...stages.lines,
      kinds: { line: 2, page: 9, sheet: 4 },
      lineCharacters: [3, 20],
      fontPixels: [15, 25],
      items: [1, 14],
      turns: [1, 1],
      degradation: 0.25,
    },
    parts: "both",
    shape: packShape(6, 1152, USUAL_PATCHES),
    packsPerStep: 2,
    // three times as large, patches stayed at 0.69 of the characters; so they went to 0.75 within thirty steps
    rate: 8e-4,
    orthogonalScale: 2,
    denseShare: 0.6,
    decayShare: 0.9,
    isPlain: true,
  },
  mixed: {
    data: { ...reading, turns: [1, 3] },
    parts: "both",
    shape: packShape(6, 1024),
    packsPerStep: 2,
    rate: 6e-4,
    orthogonalScale: 2,
    denseShare: 0.3,
    decayShare: 0.1,
  },
  documents: {
    data: "documents",
    parts: "both",
    shape: packShape(14, 2048),
    packsPerStep: 2,
    rate: 5e-4,
    orthogonalScale: 2,
    denseShare: 0.2,
    decayShare: 0.2,
  },
};

const { values: args } = parseArgs({
  options: {
    run: { type: "string", default: "../../runs/pocket" },
    minutes: { type: "string", default: "60" },
    stage: { type: "string", default: "0a" },
    workers: { type: "string", default: "2" },
    producers: { type: "string", default: "1" },
    init: { type: "string" },
    /** Factor on the stage's rate. */
    rate: { type: "string", default: "1" },
    /** The decoder begins from what the query heads know. */
    "start-decoder": { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
  },
});

const stage = STAGES[args.stage];
if (stage === undefined)
  throw new Error(`There is no stage "${args.stage}". Stages: ${Object.keys(STAGES).join(", ")}.`);
const minutes = Number(args.minutes);
const seed = Number(args.seed);
mkdirSync(args.run, { recursive: true });
const logFile = join(args.run, "log.jsonl");
const modelFolder = join(import.meta.dirname, "../../models/pocket");
const tokenizer = tokenizerFromJson(JSON.parse(readFileSync(join(modelFolder, "tokenizer.json"), "utf8")));

const graph: Graph = trainingGraph(POCKET, { shape: stage.shape, parts: stage.parts, ...POCKET_HEADS });
const full: Graph = trainingGraph(POCKET, { shape: stage.shape, parts: "both", ...POCKET_HEADS });
const shapeOf = (name: string): readonly number[] => full.values[full.weights[name]].dims.map((d) => d.capacity);

const saved = await loadRun(args.run);
const fresh = initialise(full, { seed, layerCount: POCKET.vision.layerCount });
startWeights(fresh);
const initial = args.init === undefined ? {} : await readTensors(args.init);
const weights: Record<string, Float32Array> = { ...fresh };
for (const [name, values] of Object.entries({ ...initial, ...saved?.weights })) {
  // a tensor of another size begins anew: the vocabulary grew or shrank
  if (values.length === fresh[name]?.length) weights[name] = values;
}
if (args["start-decoder"]) {
  const tokenOf = (char: string): number | undefined => {
    const ids = tokenizer.encode(char);
    return ids.length === 1 ? ids[0] : undefined;
  };
  startDecoder(weights, { characters: CHARACTERS, tokenOf });
}
const computed = computedWeights(full);

const backend = await createOnnxBackend({ decode: dequantise, workerCount: Number(args.workers) });
const trainer = await Trainer.create({
  backend,
  graph,
  weights: { ...weights, ...computed },
  trainable: stage.trains ?? (() => true),
  blocks: packBlocks(stage.shape),
  orthogonal: {
    matches: (name) => /^(vpm\.encoder|resampler\.(attn|kv_proj|proj)|llm\.model\.layers)/.test(name),
    rateScale: stage.orthogonalScale,
  },
  ...(saved === undefined ? {} : { moments: saved.moments }),
});
const count = Object.entries(weights).reduce((sum, [name, w]) => (name.startsWith("train.") ? sum : sum + w.length), 0);
console.log(
  `${(count / 1e6).toFixed(2)} M parameters, stage ${args.stage}, ${trainer.parameters.length} tensors under training`,
);

const isSameStage = saved?.progress.stage === args.stage;
let step = isSameStage ? Number(saved.progress.step) : 0;
let optimiserStep = Number(saved?.progress.optimiserStep ?? 0);
let cursor = isSameStage ? Number(saved.progress.cursor) : 0;
const trainedSeconds = Number(saved?.progress.trainedSeconds ?? 0);
const startedAt = performance.now();
const schedule = warmupStableDecay({ warmupSteps: 60, decayShare: stage.decayShare, floor: 0.05 });
const dataSeed = seed * 1000 + Object.keys(STAGES).indexOf(args.stage);
const stream = sampleStream({
  seed: dataSeed,
  from: cursor,
  stage: stage.data,
  workers: Number(args.producers),
  ahead: 48,
});

let isStopping = false;
process.on("SIGINT", () => {
  isStopping = true;
});
process.on("SIGTERM", () => {
  isStopping = true;
});

async function save(): Promise<void> {
  const moments = {
    ...saved?.moments,
    ...Object.fromEntries(trainer.parameters.map(({ name, moments: m }) => [name, m])),
  };
  const seconds = trainedSeconds + (performance.now() - startedAt) / 1000;
  await saveRun(
    args.run,
    { weights, moments, progress: { stage: args.stage, step, optimiserStep, cursor, trainedSeconds: seconds } },
    shapeOf,
  );
}

const MOST_MISSES = 200;

/** Next packs of a step; a sample that fits no pack is passed over. */
async function nextPacks(wanted: TrainingStage): Promise<readonly Pack[]> {
  const packs: Pack[] = [];
  let pack = emptyPack();
  let misses = 0;
  while (packs.length < wanted.packsPerStep) {
    const { value, done } = await stream.next();
    if (done === true) break;
    cursor = value.index + 1;
    const isRead = wanted.parts !== "dense" && value.sample.kind !== "sheet";
    const asked = wanted.isPlain === true ? { ...value.sample, turns: [readTurn(value.sample)] } : value.sample;
    const prepared = isRead ? prepare(asked, tokenizer) : legibleViews(asked);
    if (prepared.views.length === 0) continue;
    if (addSample(pack, prepared, wanted.shape)) {
      misses = 0;
      continue;
    }
    if (pack.samples.length > 0) packs.push(pack);
    pack = emptyPack();
    if (!addSample(pack, prepared, wanted.shape)) misses++;
    if (misses > MOST_MISSES)
      throw new Error(`Stage ${args.stage}: ${misses} samples in a row fit no pack of its shape.`);
  }
  return packs;
}

/** Where a kind of target stands in a pack, and its prediction in a result; class 0 of cells says that nothing is there. */
const WATCHED = {
  text: { targets: "targets", weights: "targetWeights", predicted: "textPrediction", hasNothing: false },
  place: { targets: "placeTargets", weights: "targetWeights", predicted: "placePrediction", hasNothing: false },
  dense: { targets: "denseTargets.0", weights: "denseWeights.0", predicted: "densePrediction.0", hasNothing: true },
  query: { targets: "queryTargets.0", weights: "queryWeights.0", predicted: "queryPrediction.0", hasNothing: true },
} as const;

/** Share of supervised positions where the largest logit is the target. */
function accuracy(
  pack: ReturnType<typeof packInputs>,
  last: Readonly<Record<string, ArrayLike<number>>>,
  kind: keyof typeof WATCHED,
): number {
  const { hasNothing, ...names } = WATCHED[kind];
  const [targets, weightsOf, predicted] = [pack[names.targets], pack[names.weights], last[names.predicted]];
  if (targets === undefined || predicted === undefined) return Number.NaN;
  let hits = 0;
  let total = 0;
  for (let i = 0; i < targets.length; i++) {
    if (weightsOf[i] === 0 || (hasNothing && targets[i] === 0)) continue;
    total++;
    if (predicted[i] === targets[i]) hits++;
  }
  return hits / Math.max(1, total);
}

/** Of the supervised tokens of one pack, in nats. */
function meanTextLoss(
  { targetWeights }: ReturnType<typeof packInputs>,
  { textLoss }: Readonly<Record<string, ArrayLike<number>>>,
): number {
  if (targetWeights === undefined || textLoss === undefined) return Number.NaN;
  return textLoss[0] / Array.from(targetWeights).reduce((sum, weight) => sum + weight, 0);
}

let lastSave = performance.now();
let waiting = nextPacks(stage);
for (;;) {
  const elapsed = (performance.now() - startedAt) / 60000;
  if (elapsed >= minutes || isStopping) break;
  const packs = await waiting;
  // the next samples are prepared while this step runs
  waiting = nextPacks(stage);
  const totals = packs.map(supervisedCounts);
  // a loss is divided by what the whole step supervises
  const scaleOf = (kind: keyof (typeof totals)[number], share: number): number =>
    share /
    Math.max(
      1,
      totals.reduce((sum, counts) => sum + counts[kind], 0),
    );
  const scales = {
    textScale: scaleOf("text", 1),
    placeScale: scaleOf("place", PLACE_SHARE),
    denseScale: scaleOf("dense", stage.denseShare),
    queryScale: scaleOf("query", stage.denseShare),
  };
  const inputs = packs.map((pack) => packInputs(pack, { shape: stage.shape, parts: stage.parts, ...scales }));
  step++;
  optimiserStep++;
  const rate =
    Number(args.rate) * stage.rate * schedule({ progress: elapsed / minutes, step: isSameStage ? step + 60 : step });
  const { loss, gradientNorm, last } = await trainer.step(inputs, { step: optimiserStep, rate });
  const row = {
    stage: args.stage,
    step,
    minutes: Number((trainedSeconds / 60 + (performance.now() - startedAt) / 60000).toFixed(2)),
    samples: cursor,
    loss: Number(loss.toFixed(4)),
    gradientNorm: Number(gradientNorm.toFixed(3)),
    rate: Number(rate.toExponential(2)),
    textLoss: Number(meanTextLoss(inputs[inputs.length - 1], last).toFixed(4)),
    textAccuracy: Number(accuracy(inputs[inputs.length - 1], last, "text").toFixed(3)),
    placeAccuracy: Number(accuracy(inputs[inputs.length - 1], last, "place").toFixed(3)),
    denseAccuracy: Number(accuracy(inputs[inputs.length - 1], last, "dense").toFixed(3)),
    queryAccuracy: Number(accuracy(inputs[inputs.length - 1], last, "query").toFixed(3)),
  };
  appendFileSync(logFile, `${JSON.stringify(row)}\n`);
  if (step % 20 === 0) console.log(JSON.stringify(row));
  if (performance.now() - lastSave > 4 * 60000) {
    await save();
    lastSave = performance.now();
  }
}
await save();
console.log("saved");
process.exit(0);
