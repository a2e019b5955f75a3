import type { StartWorker } from "../backend/wasm/thread-pool.ts";
import type { WasmBackendOptions } from "../backend/wasm/wasm-backend.ts";
import type { ImageDecoders } from "../image/decode-image.ts";
import type { ByteSource } from "../io/byte-source.ts";
import type { DownloadProgress } from "../io/hub/progress.ts";

/** Anything that bytes can be read from. A string is a path (Node) or an address. */
export type Bytes = string | URL | Blob | Uint8Array;

/** The files of a model, named one by one. */
export interface ModelParts {
  /** Language model in GGUF, safetensors with everything, or a safetensors index. */
  readonly language: Bytes;
  /** The GGUF mmproj. */
  readonly vision?: Bytes | undefined;
  /** Files beside it, such as config.json and tokenizer.json; undefined where there is none of that name. */
  companion(name: string): Promise<ByteSource | undefined>;
}

/** What happens while a name is turned into files. */
export interface LocateOptions {
  readonly isOffline?: boolean | undefined;
  /** Path of the mmproj, where it is named apart. */
  readonly vision?: Bytes | undefined;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /** Told before anything is fetched: which repository, how much, under which licence. */
  readonly onPlan?: ((plan: DownloadPlan) => void | Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a download will be. */
export interface DownloadPlan {
  readonly repo: string;
  readonly missingBytes: number;
  readonly licence: string | undefined;
}

/** What differs between Node and a page. */
export interface Platform {
  readonly kind: "node" | "web";
  readonly startWorker: StartWorker | undefined;
  /** Cores that threads can use. */
  readonly coreCount: number;
  /** Memory that a model may take unless told otherwise. */
  readonly memoryBytes: number;
  /** How weights are spread over WebAssembly memories, where it is not to follow from what a model may take: for tests. */
  readonly memories?: Pick<WasmBackendOptions, "memoryCount" | "memories">;
  /** Most memory that the whole process ever held, where that can be known. */
  readonly processPeakBytes?: () => number;
  readonly imageDecoders: ImageDecoders;
  nowMs(): number;
  /** What was found out about this device earlier, such as its best thread count. */
  recall(note: string): Promise<string | undefined>;
  remember(note: string, text: string): Promise<void>;
  open(where: Bytes, signal?: AbortSignal): Promise<ByteSource>;
  /** The files that a path, address, hub reference or name of a local model stands for. */
  locate(reference: string, options: LocateOptions): Promise<ModelParts>;
}
