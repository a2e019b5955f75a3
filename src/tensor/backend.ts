import type { OpName } from "./definitions.ts";
import type { Extents } from "./dim.ts";
import type { StorageType } from "./dtype.ts";
import type { Graph } from "./graph.ts";

/** A checkpoint tensor as a backend takes it: rows of `shape[last]` elements, read in bounded chunks. */
export interface WeightSource {
  readonly name: string;
  readonly type: StorageType;
  /** Outermost axis first. */
  readonly shape: readonly number[];
  /** Bytes of rows [begin, end), rows being all axes but the last; in `into`, which has their length, where that can be. */
  readRows(begin: number, end: number, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/** How a backend is to compute with a weight. */
export type Precision =
  /** Activations stay float32; weights are decoded to float32 in the kernel. */
  | "float"
  /** Activations are quantised to 8 bit per block, products summed in int32. */
  | "integer";

/** What a graph does with a weight; a backend keeps a form for each. */
export type WeightUse =
  /** y = x Wᵀ, W [out, in]. */
  | "linear"
  /** y = x W, W [in, out]. */
  | "transposed"
  /** Rows looked up by id. */
  | "table"
  /** Read as it is: norms, biases, queries, convolution taps. */
  | "plain";

export interface UploadOptions {
  readonly precision: Precision;
  readonly uses: readonly WeightUse[];
  /** Fills `repackError`; costs one pass over weights that are repacked. */
  readonly measureRepack?: boolean;
  readonly signal?: AbortSignal;
}

/** A weight kept by a backend in a form of its own. */
export interface ResidentWeight extends Disposable {
  readonly name: string;
  readonly residentBytes: number;
  /** NMSE of the numbers that are kept against the stored ones: 0 where every bit is kept, absent where nobody asked. */
  readonly repackError?: number;
  /** Puts other values in its place, row-major: a training step. Throws UnsupportedError for a quantised weight. */
  replace(values: Float32Array): void;
}

/** A cache or recurrent state kept by a backend between replays; executables recorded apart may share it. */
export interface ResidentState extends Disposable {
  readonly name: string;
  readonly residentBytes: number;
  /** Sets every element to zero. */
  clear(): void;
  /** Copies `count` entries of the outermost axis: cache slots, or the recurrent state of a sequence. */
  copy(from: number, to: number, count: number): void;
  /** A copy of its bytes, for snapshots of recurrent state. */
  save(): Uint8Array<ArrayBuffer>;
  /** Puts a saved copy back. Throws BindingError when the size differs. */
  restore(saved: Uint8Array): void;
}

export interface LowerOptions {
  /** Weights by the names the graph gives them. */
  readonly weights: Readonly<Record<string, ResidentWeight>>;
  readonly states?: Readonly<Record<string, ResidentState>>;
  /** Taps to keep; the rest cost nothing. */
  readonly taps?: readonly string[];
  /**
   * Span inputs whose rows fall into this many equal blocks, each seeing keys of its own block alone: a promise that lets
   * a backend with dense attention skip the rest.
   */
  readonly blocks?: Readonly<Record<string, number>>;
  /**
   * How attention without a cache computes. By default as the weights do: integer if any weight of the graph was uploaded
   * for integer.
   */
  readonly precision?: Precision;
  /** Outputs whose arrays a later run may overwrite: a caller that is done with them before its next wave of runs saves copies. */
  readonly reusedOutputs?: readonly string[];
  /** Most bytes that weights, states and workspaces of the backend may take together. Throws MemoryBudgetError. */
  readonly budgetBytes?: number;
  /** Named in error messages and statistics: "vision", "prefill 512". */
  readonly label?: string;
}

/** Data of one input: exactly the elements in use, row-major. */
export type InputData = Float32Array | Int32Array;

export interface RunBindings {
  readonly extents?: Extents;
  readonly inputs?: Readonly<Record<string, InputData>>;
  /** Arrays for outputs, used where their lengths are right: a backend may fill them instead of making new ones. */
  readonly into?: RunResult;
}

/** Copies of outputs and kept taps, exactly the elements in use. */
export type RunResult = Readonly<Record<string, Float32Array | Int32Array>>;

/** A graph made ready by a backend: bound to resident weights and states, replayed as often as needed. */
export interface Executable extends Disposable {
  readonly label: string;
  /** Memory that this executable needs besides weights and states. */
  readonly workspaceBytes: number;
  run(bindings: RunBindings): Promise<RunResult>;
}

/** What a backend can do, before anything is made. */
export interface BackendInfo {
  readonly name: string;
  /** "relaxed SIMD, 2 threads", for people. */
  readonly description: string;
  readonly threadCount: number;
  /** Runs of one executable that compute at the same time; 1 when absent. */
  readonly parallelRuns?: number;
  /** Ops it has no kernel for, with the reason. */
  readonly unsupported: Readonly<Partial<Record<OpName, string>>>;
}

/** Turns graphs into executables. The only implementer of numerics besides the oracle. */
export interface Backend extends Disposable {
  readonly info: BackendInfo;
  /** Bytes allocated now: weights, states, workspaces. */
  readonly residentBytes: number;
  /** Reads a weight in bounded chunks into the backend's own layout. Throws where no kernel takes its type. */
  upload(source: WeightSource, options: UploadOptions): Promise<ResidentWeight>;
  /** Allocates a zeroed state shaped as the graph's state of that name. */
  createState(graph: Graph, name: string): ResidentState;
  lower(graph: Graph, options: LowerOptions): Executable;
}
