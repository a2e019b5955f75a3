import { ArgumentError, DisposedError } from "../base/errors.ts";
import { present } from "../base/invariant.ts";
import type { Patches } from "../image/patchify.ts";
import type { VisionEncoder } from "../model/vision/connector.ts";
import type { VisionStepOptions } from "../model/vision/vision-step.ts";
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

/** How a request's views are encoded. */
export interface EncodeOptions {
  readonly onProgress?: ViewProgress;
  readonly signal?: AbortSignal;
  /** V-4.5: times of the frames of each group, which share one set of tokens; in the order of the views. */
  readonly groups?: readonly (readonly number[])[];
}

/** Called for each view once it is encoded: views done so far, all views. Views of one step are done together. */
export type ViewProgress = (done: number, total: number) => void;

/** Two 448² views, or one of extreme shape. */
export const DEFAULT_BATCH: VisionBatch = { views: 2, patches: 2560 };

/** Rows of one view, or of one group of frames, for the language model. */
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
   * Encodes all views of a request, in order and in batches; a group of frames stays in one batch. Throws ArgumentError
   * for a view, or a group, with more patches than the encoder was opened for; AbortError between batches.
   */
  async encode(views: readonly Patches[], options: EncodeOptions = {}): Promise<readonly EncodedView[]> {
    if (this.#isDisposed) throw new DisposedError("the vision encoder", "used");
    const paddedLength = this.encoder.paddedLength(views.map(({ grid }) => grid));
    const encoded: EncodedView[] = [];
    let done = 0;
    for (const batch of this.#batches(inGroups(views, options.groups), paddedLength)) {
      options.signal?.throwIfAborted();
      const members = batch.flatMap((group) => group.views);
      const groups = options.groups === undefined ? undefined : batch.map(({ times }) => times);
      encoded.push(...(await this.#run(members, { paddedLength, groups })));
      for (const _ of members) options.onProgress?.(++done, views.length);
    }
    return encoded;
  }

  /** One batch with the taps asked for at construction. */
  async trace(
    views: readonly Patches[],
    options: VisionStepOptions = {},
  ): Promise<Readonly<Record<string, Float32Array | Int32Array>>> {
    const { extents, inputs } = this.encoder.step(views, options);
    return this.#executable.run({ extents, inputs });
  }

  async #run(views: readonly Patches[], options: VisionStepOptions): Promise<readonly EncodedView[]> {
    const { extents, inputs, tokenCounts } = this.encoder.step(views, options);
    const { visual } = await this.#executable.run({ extents, inputs });
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

  *#batches(groups: readonly ViewGroup[], paddedLength: number | undefined): Iterable<readonly ViewGroup[]> {
    let batch: ViewGroup[] = [];
    let viewCount = 0;
    let patches = 0;
    for (const group of groups) {
      const count = this.#rowCount(group, paddedLength);
      if (viewCount + group.views.length > this.#batch.views || patches + count > this.#batch.patches) {
        if (batch.length > 0) yield batch;
        batch = [];
        viewCount = 0;
        patches = 0;
      }
      batch.push(group);
      viewCount += group.views.length;
      patches += count;
    }
    if (batch.length > 0) yield batch;
  }

  /** Rows that a group takes. Throws ArgumentError where they are too many for any batch. */
  #rowCount({ views }: ViewGroup, paddedLength: number | undefined): number {
    const count = views.reduce((sum, { grid }) => sum + (paddedLength ?? grid.rows * grid.columns), 0);
    if (count <= this.#batch.patches && views.length <= this.#batch.views) return count;
    const sizes = views.map(({ grid }) => `${grid.rows}×${grid.columns}`).join(", ");
    throw new ArgumentError(
      `Views of ${sizes} patches (${count} rows together) are more than ${this.#batch.views} views and ` +
        `${this.#batch.patches} rows at once.`,
      "Crop the picture if it is extremely long and narrow; pack fewer frames; or open a larger batch.",
    );
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError("the vision encoder", "disposed again");
    this.#isDisposed = true;
    this.#executable[Symbol.dispose]();
  }
}

interface ViewGroup {
  readonly views: readonly Patches[];
  readonly times: readonly number[];
}

/** Every view by itself, unless groups are given. */
function inGroups(views: readonly Patches[], groups: EncodeOptions["groups"]): readonly ViewGroup[] {
  if (groups === undefined) return views.map((view) => ({ views: [view], times: [] }));
  const total = groups.reduce((sum, times) => sum + times.length, 0);
  if (total !== views.length) {
    throw new ArgumentError(`Groups of ${total} frames were given for ${views.length}.`, "Give each frame one time.");
  }
  let begin = 0;
  return groups.map((times) => {
    const group = { views: views.slice(begin, begin + times.length), times };
    begin += times.length;
    return group;
  });
}
