import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../../quantize/byte-sink.ts";
import { fileSink } from "../../quantize/node/file-sink.ts";
import type { Backend } from "../../tensor/backend.ts";
import type { Graph } from "../../tensor/graph.ts";
import type { MixturePart } from "../data/stream.ts";
import { DataSampleError, TrainingDivergedError } from "../errors.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import type { Recipe, RecipeStage } from "../recipe/recipe.ts";
import { type ShapeOf, saveRun } from "../run-folder.ts";
import { predictionsOf } from "./predictions.ts";
import { type SamplePrediction, trainingReport } from "./report.ts";
import { type LoadedRun, progressOf, type RunPosition, resumeRun, START, stageWeights } from "./run-state.ts";
import { openStage, type StageRun, type StageStep, stageGraph } from "./train-stage.ts";
import { lockTraining } from "./training-lock.ts";
import { appendRow, cutRows, estimateLeft, progressLine, readRows, type TrainingRow } from "./training-log.ts";

/** What a run needs besides its recipe. */
export interface RunTrainingOptions {
  /** Holds the run: weights, optimiser state, log.jsonl, report.html. A run that is there goes on. */
  readonly folder: string;
  readonly backend: Backend;
  /** The stage's sources, encoded as the model reads them. */
  readonly samples: (stage: RecipeStage) => Promise<readonly MixturePart<EncodedSample>[]>;
  /** Weights to start from by the graph's names; fresh ones where absent. */
  readonly initial?: Readonly<Record<string, Float32Array>>;
  /** Text of token ids, for predictions in the report. */
  readonly decode?: (ids: readonly number[]) => string;
  /** Takes the live line after every step. */
  readonly onLine?: (line: string) => void;
  readonly onStep?: (row: TrainingRow, place: StepPlace) => void;
  /** Stops after the current step and saves; Ctrl-C does so where no signal is given. */
  readonly signal?: AbortSignal;
  readonly saveEveryMs?: number;
  readonly lockPath?: string;
  /** Milliseconds of a clock that only rises. */
  readonly now?: () => number;
}

/** Where a step stands in its run. */
export interface StepPlace {
  /** Counts from 1. */
  readonly stage: number;
  readonly stageCount: number;
  /** Samples that the stage draws in all. */
  readonly stageSamples: number;
  /** Of this stage, at this sitting's pace; undefined until there is something to go by. */
  readonly secondsLeft?: number;
}

/** How a run ended. */
export interface TrainingOutcome {
  readonly isComplete: boolean;
  readonly position: RunPosition;
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly average?: Readonly<Record<string, Float32Array>>;
  readonly shapeOf: ShapeOf;
}

const SAVE_EVERY_MS = 5 * 60_000;

/**
 * Trains a recipe stage by stage, from the beginning or from where the folder says; saves in between, at the end of every
 * stage and when stopped. Equal recipe, data, backend and thread count give equal bits, however often it was cut off.
 * Throws DataSampleError, TrainingDivergedError, CheckpointMismatchError, OutputWriteError, TrainingRunningError; the last
 * save stays good whatever happens.
 */
export async function runTraining(recipe: Recipe, options: RunTrainingOptions): Promise<TrainingOutcome> {
  await mkdir(options.folder, { recursive: true });
  const lock = await lockTraining(options.lockPath);
  const interrupt = options.signal === undefined ? interruptSignal() : undefined;
  const signal = options.signal ?? interrupt?.signal;
  try {
    const run = new Run(recipe, options, await resumeRun(options.folder, recipe));
    await run.begin();
    while (run.stage !== undefined && signal?.aborted !== true) await run.trainStage(signal);
    return run.outcome();
  } finally {
    interrupt?.[Symbol.dispose]();
    await lock.release();
  }
}

/** Aborts on the first Ctrl-C; a second one ends the process as always. */
function interruptSignal(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once("SIGINT", stop);
  return { signal: controller.signal, [Symbol.dispose]: () => process.off("SIGINT", stop) };
}

class Run {
  readonly #recipe: Recipe;
  readonly #options: RunTrainingOptions;
  readonly #logPath: string;
  readonly #now: () => number;
  readonly #shapes = new Map<string, readonly number[]>();
  #weights: Record<string, Float32Array>;
  #moments: LoadedRun["moments"];
  #average: LoadedRun["average"];
  #position: RunPosition;
  #predictions: readonly SamplePrediction[] = [];

  constructor(recipe: Recipe, options: RunTrainingOptions, saved: LoadedRun | undefined) {
    this.#recipe = recipe;
    this.#options = options;
    this.#logPath = join(options.folder, "log.jsonl");
    this.#now = options.now ?? (() => performance.now());
    this.#weights = { ...(saved?.weights ?? options.initial) };
    this.#moments = saved?.moments ?? {};
    this.#average = saved?.average;
    this.#position = saved?.position ?? START;
  }

  get stage(): RecipeStage | undefined {
    return this.#recipe.stages[this.#position.stage];
  }

  /** Rows that a kill left behind the last save are written again by the steps to come. */
  async begin(): Promise<void> {
    await cutRows(this.#logPath, this.#position.step);
    for (const stage of this.#recipe.stages) {
      this.#learnShapes(stageGraph(this.#recipe, stage));
    }
  }

  outcome(): TrainingOutcome {
    return {
      isComplete: this.stage === undefined,
      position: this.#position,
      weights: this.#weights,
      ...(this.#average === undefined ? {} : { average: this.#average }),
      shapeOf: (name) => this.#shapes.get(name) ?? [],
    };
  }

  /** Trains until the stage's samples are used up or the signal comes. */
  async trainStage(signal: AbortSignal | undefined): Promise<void> {
    const { stage } = this;
    if (stage === undefined) return;
    using open = await this.#open(stage);
    let savedAt = this.#now();
    const begun = { at: this.#now(), cursor: this.#position.cursor, seconds: this.#position.seconds };
    for (;;) {
      if (signal?.aborted === true) break;
      const at = this.#now();
      const step = await this.#step(open);
      if (step === undefined) {
        this.#position = { ...this.#position, stage: this.#position.stage + 1, stageStep: 0, cursor: 0, carried: [] };
        this.#moments = {};
        await this.#save();
        return;
      }
      const seconds = begun.seconds + (this.#now() - begun.at) / 1000;
      this.#position = { ...this.#position, ...open.position(), step: this.#position.step + 1, seconds };
      const row = this.#row(stage, step, (this.#now() - at) / 1000);
      await appendRow(this.#logPath, row);
      this.#tell(row, { stage, done: { samples: row.samples - begun.cursor, seconds: seconds - begun.seconds } });
      this.#predictions = predictionsOf(step, stage.task, this.#options.decode);
      if (this.#now() - savedAt < (this.#options.saveEveryMs ?? SAVE_EVERY_MS)) continue;
      await this.#save(open);
      savedAt = this.#now();
    }
    await this.#save(open);
  }

  /** A sample that cannot be trained on stops the run, and costs nothing of what was learnt before it. */
  async #step(open: StageRun): Promise<StageStep | undefined> {
    try {
      return await open.next();
    } catch (error) {
      if (error instanceof DataSampleError || error instanceof TrainingDivergedError) await this.#save(open);
      throw error;
    }
  }

  async #open(stage: RecipeStage): Promise<StageRun> {
    const previous = this.#position.stageStep > 0 ? stage : this.#recipe.stages[this.#position.stage - 1];
    const where = this.#options.folder;
    const graph = stageGraph(this.#recipe, stage);
    this.#learnShapes(graph);
    // an average belongs to the stage that keeps it
    if (this.#position.stageStep === 0) this.#average = undefined;
    this.#weights = stageWeights(graph, this.#weights, { recipe: this.#recipe, stage, previous, where });
    return openStage({
      recipe: this.#recipe,
      stage,
      backend: this.#options.backend,
      weights: this.#weights,
      moments: this.#moments,
      ...(this.#average === undefined ? {} : { average: this.#average }),
      parts: await this.#options.samples(stage),
      position: this.#position,
    });
  }

  #learnShapes(graph: Graph): void {
    for (const [name, id] of Object.entries(graph.weights)) {
      const shape = graph.values[id].dims.map((d) => d.capacity);
      this.#shapes.set(name, shape);
    }
  }

  #row(stage: RecipeStage, step: StageStep, seconds: number): TrainingRow {
    return {
      stage: stage.name,
      step: this.#position.step,
      samples: this.#position.cursor,
      loss: step.loss,
      gradientNorm: step.gradientNorm,
      rate: step.rate,
      tokensPerSecond: Math.round(step.tokens / Math.max(seconds, 1e-6)),
      fill: step.fill,
      seconds: this.#position.seconds,
    };
  }

  #tell(
    row: TrainingRow,
    { stage, done }: { readonly stage: RecipeStage; readonly done: { samples: number; seconds: number } },
  ): void {
    const secondsLeft = estimateLeft(done, stage.samples - row.samples);
    const place = {
      stage: this.#position.stage + 1,
      stageCount: this.#recipe.stages.length,
      stageSamples: stage.samples,
      ...(secondsLeft === undefined ? {} : { secondsLeft }),
    };
    this.#options.onLine?.(progressLine(row, place));
    this.#options.onStep?.(row, place);
  }

  async #save(open?: StageRun): Promise<void> {
    const own = Object.entries(this.#weights).filter(([name]) => !name.startsWith("computed."));
    if (open !== undefined) {
      this.#moments = Object.fromEntries(open.trainer.parameters.map(({ name, moments }) => [name, moments]));
      if (open.average !== undefined) this.#average = open.average.values;
    }
    const state = {
      weights: Object.fromEntries(own),
      moments: this.#moments,
      ...(this.#average === undefined ? {} : { average: this.#average }),
      progress: progressOf(this.#recipe, this.#position),
    };
    await saveRun(this.#options.folder, state, (name) => this.#shapes.get(name) ?? []);
    const page = trainingReport(this.#recipe.name, await readRows(this.#logPath), this.#predictions);
    const sink = await fileSink(join(this.#options.folder, "report.html"));
    await writeWhole(sink, () => sink.write(new TextEncoder().encode(page)));
  }
}
