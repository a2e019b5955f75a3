import { plannedWeightBytes } from "../backend/registry.ts";
import { AbortedError, ArgumentError, DisposedError } from "../base/errors.ts";
import type { Patches } from "../image/patchify.ts";
import { bindModel, type ModelWeights } from "../model/bind-model.ts";
import { describeModel } from "../model/minicpmv/registry.ts";
import type { ModelDescription, ModelOptions } from "../model/minicpmv/version.ts";
import type { VisionEncoder } from "../model/vision/connector.ts";
import type { CacheType } from "../nn/kv-cache.ts";
import type { Backend, Precision, WeightSource, WeightUse } from "../tensor/backend.ts";
import { weightUses } from "../tensor/weight-uses.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { DecoderRunner, decoderGraphs } from "./decoder-runner.ts";
import type { DecoderCache } from "./generate.ts";
import { type LoadOrder, type MemoryPlan, planMemory } from "./memory-plan.ts";
import type { OpenedFiles } from "./open-files.ts";
import { SequencePool } from "./sequence-pool.ts";
import { StepQueue } from "./step-queue.ts";
import type { TowerPath } from "./tower-note.ts";
import {
  type KernelChoice,
  measureRepack,
  precisionFor,
  type RepackCost,
  type ResidentPart,
  uploadPart,
} from "./upload-part.ts";
import { DEFAULT_BATCH, type EncodedView, type VisionBatch, VisionRunner } from "./vision-runner.ts";

/** Positions of one conversation unless told otherwise: what the published command lines use. */
export const DEFAULT_CONTEXT_LENGTH = 4096;
/** Answers, beams and kept beginnings that share the cache unless told otherwise. */
const DEFAULT_SEQUENCE_COUNT = 4;

export interface RuntimeOptions {
  readonly backend: Backend;
  readonly nowMs: () => number;
  /** Most memory that the process ever held, where that can be known. */
  readonly processPeakBytes?: (() => number) | undefined;
  readonly memoryBudgetBytes: number;
  readonly load?: LoadOrder | undefined;
  readonly kernels?: KernelChoice | undefined;
  /** How an F16 tower computes; float unless told otherwise. */
  readonly tower?: TowerPath | undefined;
  readonly contextLength?: number | undefined;
  readonly sequenceCount?: number | undefined;
  /** Positions that all sequences may hold together; one context by default. */
  readonly cachedPositions?: number | undefined;
  readonly cacheType?: CacheType | undefined;
  readonly batch?: VisionBatch | undefined;
  readonly model?: ModelOptions | undefined;
  readonly onLoad?: ((part: PartName, doneBytes: number, totalBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type PartName = "tower" | "language model";

/** One loading of a part. */
export interface LoadRecord {
  readonly part: PartName;
  readonly ms: number;
  readonly residentBytes: number;
}

/** Patches to a token, where a version lets one choose. */
export type Downsample = NonNullable<ModelOptions["downsample"]>;

interface Descriptions {
  readonly description: ModelDescription;
  readonly other: ModelDescription | undefined;
}

/** What a model has taken so far. */
export interface RuntimeStats {
  readonly loads: readonly LoadRecord[];
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
  /** What the peak was made of; the rest are workspaces. */
  readonly peakWeightBytes: number;
  readonly peakCacheBytes: number;
  /** Most memory that the process ever held, engine and all; undefined in a page. */
  readonly processPeakBytes: number | undefined;
  readonly plannedPeakBytes: number;
  /** Views that were encoded, and steps and rows that the decoder ran. */
  readonly encodedViews: number;
  readonly steps: number;
  readonly rows: number;
}

/**
 * A model's files, weights and runners: brings each part into memory when it is needed, in the order that the budget
 * allows. Dispose it to give everything back.
 */
export class ModelRuntime implements AsyncDisposable {
  readonly description: ModelDescription;
  readonly tokenizer: Tokenizer;
  readonly plan: MemoryPlan;
  readonly contextLength: number;
  readonly backend: Backend;
  readonly #files: OpenedFiles;
  readonly #options: RuntimeOptions;
  readonly #sources: ModelWeights;
  readonly #uses: Readonly<Record<string, readonly WeightUse[]>>;
  readonly #loads: LoadRecord[] = [];
  #peak = { residentBytes: 0, weightBytes: 0, cacheBytes: 0 };
  #encodedViews = 0;
  #past = { steps: 0, rows: 0 };
  /** The same model with the other number of patches to a token, where a version has two. */
  readonly #other: ModelDescription | undefined;
  #vision: { readonly part: ResidentPart; readonly runners: Map<VisionEncoder, VisionRunner> } | undefined;
  #decoder: { readonly part: ResidentPart; readonly cache: DecoderCache } | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #requests: Promise<unknown> = Promise.resolve();
  #isDisposed = false;

  private constructor(files: OpenedFiles, descriptions: Descriptions, options: RuntimeOptions) {
    const { description, other } = descriptions;
    this.#files = files;
    this.#options = options;
    this.description = description;
    this.#other = other;
    this.tokenizer = files.tokenizer;
    this.backend = options.backend;
    this.contextLength = Math.min(options.contextLength ?? DEFAULT_CONTEXT_LENGTH, description.decoder.contextLength);
    const graphs = {
      vision: [description, ...(other === undefined ? [] : [other])].map(({ encoder }) => encoder.graph(this.#batch)),
      decoder: decoderGraphs(this.#decoderOptions).map(({ graph }) => graph),
    };
    this.#sources = bindModel(description, files, graphs);
    this.#uses = weightUses([...graphs.vision, ...graphs.decoder]);
    this.plan = planMemory({
      vision: { weightBytes: this.#plannedBytes("tower", this.#sources.vision), graphs: graphs.vision },
      decoder: { weightBytes: this.#plannedBytes("language model", this.#sources.decoder), graphs: graphs.decoder },
      order: options.load ?? "sequential",
      budgetBytes: options.memoryBudgetBytes,
    });
  }

  /** Describes and checks the files; loads weights only where they are to be loaded together. */
  static async open(files: OpenedFiles, options: RuntimeOptions): Promise<ModelRuntime> {
    const description = await describeModel(files, options.model);
    const mode = downsampleOf(description);
    const other =
      mode === undefined
        ? undefined
        : await describeModel(files, { ...options.model, downsample: mode === "16x" ? "4x" : "16x" });
    const runtime = new ModelRuntime(files, { description, other }, options);
    if (options.load === "together") {
      await runtime.#loadVision(description.encoder);
      await runtime.#loadDecoder();
    }
    return runtime;
  }

  /** How the tower computes. */
  get towerPath(): TowerPath {
    const { kernels, tower = "float" } = this.#options;
    return kernels === "generic" ? "float" : tower;
  }

  get stats(): RuntimeStats {
    const counts = this.#decoder?.cache.queue.counts ?? { steps: 0, rows: 0 };
    this.#notePeak();
    return {
      loads: [...this.#loads],
      residentBytes: this.backend.residentBytes,
      peakResidentBytes: this.#peak.residentBytes,
      peakWeightBytes: this.#peak.weightBytes,
      peakCacheBytes: this.#peak.cacheBytes,
      processPeakBytes: this.#options.processPeakBytes?.(),
      plannedPeakBytes: this.plan.peakBytes,
      encodedViews: this.#encodedViews,
      steps: this.#past.steps + counts.steps,
      rows: this.#past.rows + counts.rows,
    };
  }

  /** The description for a picture's number of patches to a token. Throws ArgumentError where the version has but one. */
  descriptionFor(downsample: Downsample | undefined): ModelDescription {
    if (downsample === undefined || downsample === downsampleOf(this.description)) return this.description;
    if (this.#other !== undefined) return this.#other;
    throw new ArgumentError(
      `${this.description.title} has no ${downsample} mode.`,
      "Leave downsample out; detail and maxSlices change the cost of a picture.",
    );
  }

  /** The decoder's cache if it is in memory now, to look into without loading it. */
  get presentCache(): DecoderCache | undefined {
    return this.#decoder?.cache;
  }

  /** Runs a request: at once where both parts stay in memory, after the one before where they take turns. */
  request<T>(job: () => Promise<T>): Promise<T> {
    if (this.plan.keepsBoth) return job();
    const result = this.#requests.then(job);
    this.#requests = result.catch(() => {});
    return result;
  }

  /** Encodes all views of a request. Frees the decoder first where both do not fit. */
  encode(
    views: readonly Patches[],
    options: {
      readonly onProgress?: ((done: number, total: number) => void) | undefined;
      readonly signal?: AbortSignal | undefined;
      /** Of the views; the model's own by default. */
      readonly downsample?: Downsample | undefined;
    },
  ): Promise<readonly EncodedView[]> {
    return this.#inTurn(async () => {
      if (!this.plan.keepsBoth) this.#freeDecoder();
      const { onProgress, signal, downsample } = options;
      const runner = await this.#loadVision(this.descriptionFor(downsample).encoder, signal);
      const encoded = await runner
        .encode(views, {
          ...(onProgress === undefined ? {} : { onProgress }),
          ...(signal === undefined ? {} : { signal }),
        })
        .catch((error: unknown) => {
          throw signal?.aborted === true ? new AbortedError("The answer", { cause: error }) : error;
        });
      this.#encodedViews += views.length;
      this.#notePeak();
      if (!this.plan.keepsBoth) this.#freeVision();
      return encoded;
    });
  }

  /** What 8 bits cost each matrix of the tower; frees both parts first. */
  towerRepackCosts(signal?: AbortSignal): Promise<readonly RepackCost[]> {
    return this.#inTurn(() => {
      this.#freeVision();
      this.#freeDecoder();
      return measureRepack({ backend: this.backend, sources: this.#sources.vision, uses: this.#uses, signal });
    });
  }

  /** The decoder with its cache, loaded if it is not. */
  cache(signal?: AbortSignal): Promise<DecoderCache> {
    return this.#inTurn(() => this.#loadDecoder(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) throw new DisposedError("the model", "disposed again");
    this.#isDisposed = true;
    await this.#turn.catch(() => {});
    this.#freeVision();
    this.#freeDecoder();
    await this.#files.language.close();
    await this.#files.vision?.close();
  }

  get #batch(): VisionBatch {
    return this.#options.batch ?? DEFAULT_BATCH;
  }

  get #decoderOptions() {
    const { sequenceCount = DEFAULT_SEQUENCE_COUNT, cacheType } = this.#options;
    return {
      config: this.description.decoder,
      contextLength: this.contextLength,
      sequenceCount,
      // sequences share pages: what one long conversation needs serves several short ones
      cachedPositions: this.#options.cachedPositions ?? this.contextLength,
      ...(cacheType === undefined ? {} : { cacheType }),
    };
  }

  /** Parts come and go one after another. */
  #inTurn<T>(job: () => Promise<T>): Promise<T> {
    if (this.#isDisposed) throw new DisposedError("the model", "used");
    const result = this.#turn.then(job);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #loadVision(encoder: VisionEncoder, signal?: AbortSignal): Promise<VisionRunner> {
    this.#vision ??= { part: await this.#upload("tower", this.#sources.vision, signal), runners: new Map() };
    const { part, runners } = this.#vision;
    let runner = runners.get(encoder);
    if (runner === undefined) {
      runner = new VisionRunner({ encoder, backend: this.backend, weights: part.weights, batch: this.#batch });
      runners.set(encoder, runner);
    }
    this.#notePeak();
    return runner;
  }

  async #loadDecoder(signal?: AbortSignal): Promise<DecoderCache> {
    if (this.#decoder !== undefined) return this.#decoder.cache;
    const part = await this.#upload("language model", this.#sources.decoder, signal);
    const decoder = new DecoderRunner({ ...this.#decoderOptions, backend: this.backend, weights: part.weights });
    const cache = { decoder, queue: new StepQueue(decoder), pool: new SequencePool(decoder) };
    this.#decoder = { part, cache };
    this.#notePeak();
    return cache;
  }

  #precisionOf(part: PartName, source: WeightSource, uses: readonly WeightUse[]): Precision {
    const { kernels = "tuned", tower } = this.#options;
    return precisionFor(source, uses, { kernels, isInt8: part === "tower" && tower === "int8" });
  }

  #plannedBytes(part: PartName, sources: ModelWeights["vision"]): number {
    let bytes = 0;
    for (const [name, source] of sources) {
      const uses = this.#uses[name] ?? ["plain"];
      bytes += plannedWeightBytes(source, { uses, precision: this.#precisionOf(part, source, uses) });
    }
    return bytes;
  }

  async #upload(
    part: PartName,
    sources: ModelWeights["vision"],
    request: AbortSignal | undefined,
  ): Promise<ResidentPart> {
    const { backend, nowMs, onLoad } = this.#options;
    const signals = [this.#options.signal, request].filter((signal) => signal !== undefined);
    const startedMs = nowMs();
    const resident = await uploadPart({
      backend,
      sources,
      uses: this.#uses,
      precisionOf: (source, uses) => this.#precisionOf(part, source, uses),
      signal: AbortSignal.any(signals),
      onProgress: (done, total) => onLoad?.(part, done, total),
    });
    this.#loads.push({ part, ms: nowMs() - startedMs, residentBytes: resident.residentBytes });
    return resident;
  }

  #freeVision(): void {
    for (const runner of this.#vision?.runners.values() ?? []) runner[Symbol.dispose]();
    this.#vision?.part[Symbol.dispose]();
    this.#vision = undefined;
  }

  #freeDecoder(): void {
    if (this.#decoder === undefined) return;
    const { cache, part } = this.#decoder;
    this.#past = {
      steps: this.#past.steps + cache.queue.counts.steps,
      rows: this.#past.rows + cache.queue.counts.rows,
    };
    cache.decoder[Symbol.dispose]();
    part[Symbol.dispose]();
    this.#decoder = undefined;
  }

  #notePeak(): void {
    const { residentBytes } = this.backend;
    if (residentBytes <= this.#peak.residentBytes) return;
    const parts = [this.#vision?.part, this.#decoder?.part];
    this.#peak = {
      residentBytes,
      weightBytes: parts.reduce((sum, part) => sum + (part?.residentBytes ?? 0), 0),
      cacheBytes: this.#decoder?.cache.decoder.stateBytes ?? 0,
    };
  }
}

/** Two modes exist where views are merged in squares of patches. */
function downsampleOf({ encoder }: ModelDescription): Downsample | undefined {
  if (encoder.patchMultiple === 1) return undefined;
  return encoder.patchMultiple >= 16 ? "16x" : "4x";
}
