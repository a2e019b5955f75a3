import { type BackendName, createBackend } from "../backend/registry.ts";
import { memoriesFor } from "../backend/wasm/memories.ts";
import { ArgumentError } from "../base/errors.ts";
import type { ModelOptions } from "../model/minicpmv/version.ts";
import type { CacheType } from "../nn/kv-cache.ts";
import { EMBEDDED_MODEL } from "../runtime/embedded-model.ts";
import type { LoadOrder } from "../runtime/memory-plan.ts";
import { ModelRuntime, type PartName } from "../runtime/model-runtime.ts";
import { openFiles } from "../runtime/open-files.ts";
import type { Bytes, LocateOptions, ModelParts, Platform } from "../runtime/platform.ts";
import { bestThreadCount } from "../runtime/thread-search.ts";
import { notedTowerPath, type TowerPath } from "../runtime/tower-note.ts";
import type { KernelChoice } from "../runtime/upload-part.ts";
import type { Backend } from "../tensor/backend.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { CALIBRATION_FILE, type Calibration, parseCalibration, UNCALIBRATED } from "./calibration.ts";
import { Model } from "./model.ts";

/** A model by one reference, or its files one by one. */
export type ModelReference =
  | string
  | URL
  | Blob
  | {
      readonly language: Bytes;
      readonly vision?: Bytes;
      /** Files beside safetensors, by name: config.json, tokenizer.json, tokenizer_config.json, further shards. */
      readonly files?: Readonly<Record<string, Bytes>>;
    };

/** How a model is opened. */
export interface LoadOptions extends LocateOptions, ModelOptions {
  readonly backend?: BackendName | undefined;
  /** Threads; "auto" searches for a second at first use and remembers. */
  readonly threads?: number | "auto" | undefined;
  /** Most bytes that weights, caches and workspaces may take. */
  readonly memoryBytes?: number | undefined;
  readonly load?: LoadOrder | undefined;
  readonly kernels?: KernelChoice | undefined;
  /**
   * How an F16 tower computes: "auto" repacks it to 8 bit where `minicpmv doctor` found that sound on this device, and
   * stays with floats everywhere else.
   */
  readonly tower?: TowerPath | "auto" | undefined;
  /** Tokens of prompt and answer together. */
  readonly contextLength?: number | undefined;
  /** Answers, beams and kept conversations that share the cache. */
  readonly sequenceCount?: number | undefined;
  /** Tokens that all of them may hold together; one context by default. */
  readonly cachedPositions?: number | undefined;
  readonly cacheType?: CacheType | undefined;
  /** Most bytes of encoded pictures that are kept for later questions; 512 MiB by default. */
  readonly pictureCacheBytes?: number | undefined;
  readonly onLoad?: ((part: PartName, doneBytes: number, totalBytes: number) => void) | undefined;
}

/** Threads that may be asked for whatever the machine: more than cores only slow each other down. */
const LEAST_MOST_THREADS = 32;

/** Opens a model: reads headers and checks every weight; the weights follow when they are needed. */
export async function loadOn(platform: Platform, reference: ModelReference, options: LoadOptions = {}): Promise<Model> {
  const parts = await partsOf(platform, reference, options);
  const files = await openFiles(parts, platform, options.signal);
  const backend = await backendOn(platform, options);
  try {
    const { tower = "auto" } = options;
    const runtime = await ModelRuntime.open(files, {
      ...options,
      tower: tower === "auto" ? await notedTowerPath(platform, parts) : tower,
      backend,
      nowMs: () => platform.nowMs(),
      processPeakBytes: platform.processPeakBytes,
      memoryBudgetBytes: options.memoryBytes ?? platform.memoryBytes,
      model: options,
    });
    const { reader } = runtime.description;
    return new Model(runtime, platform, {
      calibration: reader === undefined ? UNCALIBRATED : await calibrationOf(parts),
      pictureCacheBytes: options.pictureCacheBytes,
    });
  } catch (error) {
    backend[Symbol.dispose]();
    await files.language.close();
    await files.vision?.close();
    throw error;
  }
}

/** A backend with the threads that were asked for, or the best number of them. */
export async function backendOn(
  platform: Platform,
  { backend = "wasm", threads = "auto", memoryBytes }: Pick<LoadOptions, "backend" | "threads" | "memoryBytes">,
): Promise<Backend> {
  const create = (threadCount: number): Promise<Backend> =>
    createBackend(backend, {
      decode: dequantise,
      threadCount,
      memoryCount: memoriesFor(memoryBytes ?? platform.memoryBytes),
      ...platform.memories,
      ...(platform.startWorker === undefined ? {} : { startWorker: platform.startWorker }),
    });
  if (threads === "auto") return create(await bestThreadCount(platform, create));
  const most = Math.max(LEAST_MOST_THREADS, platform.coreCount);
  if (!Number.isInteger(threads) || threads < 1 || threads > most) {
    const hint = `Pass a whole number from 1 to ${most}, or "auto"; this machine has ${platform.coreCount} cores.`;
    throw new ArgumentError(`threads is ${threads}.`, hint);
  }
  return create(threads);
}

/** The table beside the built-in reader's weights; its own probabilities where there is none. */
async function calibrationOf(parts: ModelParts): Promise<Calibration> {
  const source = await parts.companion(CALIBRATION_FILE);
  if (source === undefined) return UNCALIBRATED;
  try {
    const bytes = await source.read(0, source.sizeBytes);
    return parseCalibration(JSON.parse(new TextDecoder().decode(bytes)));
  } finally {
    await source.close();
  }
}

async function partsOf(platform: Platform, reference: ModelReference, options: LoadOptions): Promise<ModelParts> {
  if (typeof reference === "string") return platform.locate(reference, options);
  if (reference instanceof URL) return platform.locate(reference.href, options);
  if (reference instanceof Blob) {
    const { vision } = options;
    return { language: reference, ...(vision === undefined ? {} : { vision }), companion: async () => undefined };
  }
  const { language, vision, files = {} } = reference;
  return {
    language,
    ...(vision === undefined ? {} : { vision }),
    companion: async (name) => {
      const file = files[name];
      return file === undefined ? undefined : platform.open(file);
    },
  };
}

/**
 * Opens a model in Node or in a page, whichever this is; the built-in one without a reference. See LoadOptions; throws
 * what reading and checking files throws, and EmbeddedModelMissingError where the package came without its weights.
 */
export async function load(reference: ModelReference = EMBEDDED_MODEL, options: LoadOptions = {}): Promise<Model> {
  return loadOn(await thisPlatform(), reference, options);
}

/** What this code runs on. */
export async function thisPlatform(): Promise<Platform> {
  const isNode = typeof process === "object" && typeof process.versions?.node === "string";
  if (isNode) return (await import("../runtime/node/node-platform.ts")).nodePlatform();
  return (await import("../runtime/web/web-platform.ts")).webPlatform();
}
