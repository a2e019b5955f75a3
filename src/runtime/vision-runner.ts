import { ArgumentError, DisposedError } from "../base/errors.ts";
import { present } from "../base/invariant.ts";
import { PATCH_VALUES, type Patches } from "../image/patchify.ts";
import type { VisionEncoder, VisionInputOptions } from "../model/vision/connector.ts";
import type { Backend, Executable, ResidentWeight } from "../tensor/backend.ts";

/** Views per step at most, and patches they may have together. */
export interface VisionBatch {
  readonly views: number;
  readonly patches: number;
}

export interface VisionRunnerOptions {
  readonly encoder: VisionEncoder;
  readonly backend: Backend;
  readonly weights: Readonly<Record<string, ResidentWeight>>;
  readonly batch?: VisionBatch;
  readonly taps?: readonly string[];
}

/** Called after each step of the encoder. */
export type ViewProgress = (done: number, total: number) => void;

/** Two 448² views, or one of extreme shape. */
export const DEFAULT_BATCH: VisionBatch = { views: 2, patches: 2560 };

/** Rows of one view for the language model. */
export interface EncodedView {
  /** [tokens, D] */
  readonly rows: Float32Array;
  readonly tokenCount: number;
}

/** The vision encoder of one model, recorded once for every picture size. */
export class VisionRunner implements Disposable {
  readonly encoder: VisionEncoder;
  readonly #batch: VisionBatch;
  readonly #executable: Executable;
  #isDisposed = false;

  constructor(options: VisionRunnerOptions) {
    this.encoder = options.encoder;
    const multiple = options.encoder.patchMultiple;
    const batch = options.batch ?? DEFAULT_BATCH;
    this.#batch = { views: batch.views, patches: Math.ceil(batch.patches / multiple) * multiple };
    this.#executable = options.backend.lower(options.encoder.graph(this.#batch), {
      weights: options.weights,
      label: "vision encoder",
      ...(options.taps === undefined ? {} : { taps: options.taps }),
    });
  }

  get workspaceBytes(): number {
    return this.#executable.workspaceBytes;
  }

  /**
   * Encodes views in batches, in order. Throws ArgumentError for a view with more patches than the encoder was opened
   * for; AbortError of the signal between batches.
   */
  async encode(
    views: readonly Patches[],
    options: { readonly onProgress?: ViewProgress; readonly signal?: AbortSignal } & VisionInputOptions = {},
  ): Promise<readonly EncodedView[]> {
    if (this.#isDisposed) throw new DisposedError("the vision encoder", "used");
    const encoded: EncodedView[] = [];
    for (const batch of this.#batches(views)) {
      options.signal?.throwIfAborted();
      encoded.push(...(await this.#run(batch, options)));
      options.onProgress?.(encoded.length, views.length);
    }
    return encoded;
  }

  /** One batch with the taps asked for at construction. */
  async trace(
    views: readonly Patches[],
    options: VisionInputOptions = {},
  ): Promise<Readonly<Record<string, Float32Array | Int32Array>>> {
    const { extents, inputs } = this.encoder.inputs(
      views.map(({ grid }) => grid),
      options,
    );
    return this.#executable.run({ extents, inputs: { ...inputs, patches: joinPatches(views) } });
  }

  async #run(views: readonly Patches[], options: VisionInputOptions): Promise<readonly EncodedView[]> {
    const grids = views.map(({ grid }) => grid);
    const { extents, inputs, tokenCounts } = this.encoder.inputs(grids, options);
    const { visual } = await this.#executable.run({ extents, inputs: { ...inputs, patches: joinPatches(views) } });
    const rows = present(visual, "the encoder's output");
    if (!(rows instanceof Float32Array)) throw new ArgumentError("The encoder gave no rows.", "Report this.");
    const width = rows.length / tokenCounts.reduce((sum, n) => sum + n, 0);
    let begin = 0;
    return tokenCounts.map((tokenCount) => {
      const end = begin + tokenCount * width;
      const view = { rows: rows.slice(begin, end), tokenCount };
      begin = end;
      return view;
    });
  }

  *#batches(views: readonly Patches[]): Iterable<readonly Patches[]> {
    let batch: Patches[] = [];
    let patches = 0;
    for (const view of views) {
      const count = view.values.length / PATCH_VALUES;
      if (count > this.#batch.patches) {
        throw new ArgumentError(
          `A view of ${view.grid.rows}×${view.grid.columns} patches is larger than ${this.#batch.patches}.`,
          "Crop the picture: it is extremely long and narrow.",
        );
      }
      if (batch.length === this.#batch.views || patches + count > this.#batch.patches) {
        if (batch.length > 0) yield batch;
        batch = [];
        patches = 0;
      }
      batch.push(view);
      patches += count;
    }
    if (batch.length > 0) yield batch;
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError("the vision encoder", "disposed again");
    this.#isDisposed = true;
    this.#executable[Symbol.dispose]();
  }
}

function joinPatches(views: readonly Patches[]): Float32Array {
  if (views.length === 1) return views[0].values;
  const joined = new Float32Array(views.reduce((sum, view) => sum + view.values.length, 0));
  let at = 0;
  for (const { values } of views) {
    joined.set(values, at);
    at += values.length;
  }
  return joined;
}
