import { present } from "../../base/invariant.ts";
import type { Backend } from "../../tensor/backend.ts";
import type { Graph } from "../../tensor/graph.ts";
import type { Moments } from "../adamw.ts";
import { computedWeights } from "../computed-weights.ts";
import { type Drawn, type MixturePart, mixtureStream, sequenceStream } from "../data/stream.ts";
import { WeightAverage } from "../ema.ts";
import { isLoraTrainable, withLora } from "../lora.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import { loraOptions } from "../recipe/plan-recipe.ts";
import { isTrained, partOf, type Recipe, type RecipeStage } from "../recipe/recipe.ts";
import { taskGraph } from "../recipe/stage-graph.ts";
import { type StepReport, Trainer } from "../trainer.ts";
import { type FilledStep, fillStep } from "./fill-step.ts";
import type { RunPosition } from "./run-state.ts";
import { type StagePacks, stagePacks, stageSeed } from "./stage-packs.ts";
import { stageRate } from "./stage-rate.ts";

/** A stage made ready: graph, weights on the backend, stream at its place. */
export interface StageRun extends Disposable {
  readonly graph: Graph;
  readonly trainer: Trainer;
  readonly average: WeightAverage | undefined;
  /** One optimiser step; undefined when the stage's samples are used up. */
  next(): Promise<StageStep | undefined>;
  position(): Pick<RunPosition, "stageStep" | "cursor" | "carried">;
}

/** What one optimiser step was and did. */
export interface StageStep extends StepReport {
  readonly rate: number;
  readonly packs: FilledStep["packs"];
  /** Tokens trained on; patches in a dense stage. */
  readonly tokens: number;
  readonly fill: number;
}

export interface StageOptions {
  readonly recipe: Recipe;
  readonly stage: RecipeStage;
  readonly backend: Backend;
  readonly weights: Record<string, Float32Array>;
  readonly moments?: Readonly<Record<string, Moments>>;
  readonly average?: Readonly<Record<string, Float32Array>>;
  readonly parts: readonly MixturePart<EncodedSample>[];
  readonly position: RunPosition;
}

/** The stage's graph, adapters included. */
export function stageGraph({ model }: Recipe, stage: RecipeStage): Graph {
  const plain = taskGraph(model, stage, stage.pack);
  const lora = loraOptions(stage);
  return lora === undefined ? plain : withLora(plain, lora, { isTraining: true });
}

/** Makes a stage ready to go on from `position`. */
export async function openStage(options: StageOptions): Promise<StageRun> {
  const { recipe, stage, position } = options;
  const graph = stageGraph(recipe, stage);
  const trainer = await makeTrainer(graph, options);
  const average =
    stage.optimiser.average === undefined
      ? undefined
      : new WeightAverage(trainer.parameters, { decay: stage.optimiser.average, saved: options.average ?? {} });
  const packs = stagePacks(recipe, stage, graph);
  const stream = checkedStream(options, packs, position.cursor);
  const carried: Drawn<EncodedSample>[] = [];
  for (const index of position.carried) {
    const { value } = await checkedStream(options, packs, index).next();
    carried.push(present(value, `sample ${index} of the stream`));
  }
  let at: Pick<FilledStep, "carried" | "cursor"> = { carried, cursor: position.cursor };
  let stageStep = position.stageStep;
  const fillOptions = {
    sizeOf: packs.sizeOf,
    room: packs.room,
    packCount: stage.packsPerStep,
    packing: stage.packing,
  };
  return {
    graph,
    trainer,
    average,
    position: () => ({ stageStep, cursor: at.cursor, carried: at.carried.map(({ index }) => index) }),
    next: async () => {
      const filled = await fillStep(stream, at, fillOptions);
      if (filled.packs.length === 0) return undefined;
      const step = stageStep + 1;
      const rate = stage.optimiser.rate * stageRate(stage.schedule, filled.cursor / stage.samples);
      const samples = filled.packs.map((pack) => pack.map(({ sample }) => sample));
      const inputs = packs.inputs(samples, step);
      const report = await trainer.step(inputs, { step, rate, contents: contentsOf(filled) });
      average?.update(trainer.parameters, step);
      stageStep = step;
      at = filled;
      return { ...report, rate, packs: filled.packs, ...measured(samples, packs, stage) };
    },
    [Symbol.dispose]: () => trainer[Symbol.dispose](),
  };
}

async function makeTrainer(graph: Graph, { stage, backend, weights, moments }: StageOptions): Promise<Trainer> {
  const lora = loraOptions(stage);
  const { optimiser } = stage;
  return Trainer.create({
    backend,
    graph,
    weights: Object.assign(weights, computedWeights(graph)),
    trainable: (name) => isTrained(stage, name) || (lora !== undefined && isLoraTrainable(name, lora)),
    adamw: optimiser,
    groups: Object.entries(optimiser.rateScales).map(([part, rateScale]) => ({
      matches: (name) => partOf(name) === part,
      rateScale,
    })),
    clipNorm: optimiser.clipNorm,
    ...(moments === undefined ? {} : { moments }),
  });
}

/** The stage's samples from `from` to its last, each checked to fit. */
async function* checkedStream(
  { recipe, stage, parts }: StageOptions,
  { needFits }: StagePacks,
  from: number,
): AsyncGenerator<Drawn<EncodedSample>> {
  const seed = stageSeed(recipe, stage);
  const count = stage.samples;
  const stream =
    stage.order === "mixed" ? mixtureStream({ parts, seed, from }) : sequenceStream({ parts, seed, from, count });
  for await (const drawn of stream) {
    if (drawn.index >= count) return;
    needFits(drawn.sample);
    yield drawn;
  }
}

/** Which samples each pack holds, for messages. */
function contentsOf({ packs }: FilledStep): readonly string[] {
  return packs.map((pack) => pack.map((drawn) => nameOf(drawn)).join(", "));
}

/** "data.json, sample 3" for people. */
export function nameOf({ sample, source, index }: Drawn<EncodedSample>): string {
  const { place } = sample;
  if (place === undefined) return `${source} ${index}`;
  return `${place.file} ${place.line === undefined ? `sample ${place.index}` : `line ${place.line}`}`;
}

function measured(
  samples: readonly (readonly EncodedSample[])[],
  { work, fullWork }: StagePacks,
  { packsPerStep }: RecipeStage,
): { tokens: number; fill: number } {
  const tokens = samples.flat().reduce((sum, sample) => sum + work(sample), 0);
  return { tokens, fill: tokens / (packsPerStep * fullWork) };
}
