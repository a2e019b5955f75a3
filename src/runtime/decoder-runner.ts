import { ArgumentError, DisposedError } from "../base/errors.ts";
import type { DecoderConfig } from "../model/config.ts";
import { decoderGraph } from "../model/decoder/decoder.ts";
import type { CacheType } from "../nn/kv-cache.ts";
import type { Backend, Executable, ResidentState, ResidentWeight } from "../tensor/backend.ts";
import type { Graph } from "../tensor/graph.ts";
import { PAGE_SIZE, PagePool } from "./page-pool.ts";
import { Sequence } from "./sequence.ts";

/** Rows that one sequence brings to a step. */
export interface StepPart {
  readonly sequence: Sequence;
  readonly ids: ArrayLike<number>;
  /** Visual rows [n, D] and the places among `ids` they replace. */
  readonly visual?: { readonly rows: Float32Array; readonly at: readonly number[] };
  /** Indices among `ids` whose logits are wanted; the last one by default. */
  readonly select?: readonly number[];
}

export interface DecoderRunnerOptions {
  readonly config: DecoderConfig;
  readonly backend: Backend;
  readonly weights: Readonly<Record<string, ResidentWeight>>;
  /** Positions of one conversation at most. */
  readonly contextLength: number;
  /** Conversations at once. */
  readonly sequenceCount?: number;
  /** Positions that all conversations may hold together; each its whole context by default. */
  readonly cachedPositions?: number;
  readonly cacheType?: CacheType;
  /** Rows of a step whose logits may be asked for; enough for one of every sequence by default. */
  readonly selectedRows?: number;
  /** Row capacities to record, ascending. */
  readonly capacities?: readonly number[];
  readonly taps?: readonly string[];
}

/** Row capacities of the recorded decoder graphs: one token, a few sequences or drafts, a short question, a prefill chunk. */
export const STEP_CAPACITIES: readonly number[] = [1, 8, 128, 512];

const DEFAULT_SELECTED = 8;

/** Graphs of the decoder over one paged cache: recorded once per capacity, replayed for every token and picture. */
export class DecoderRunner implements Disposable {
  readonly config: DecoderConfig;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly #executables: readonly { readonly capacity: number; readonly executable: Executable }[];
  readonly #states: Readonly<Record<string, ResidentState>>;
  readonly #pool: PagePool;
  readonly #pagesPerSequence: number;
  readonly #freeSequences: number[];
  readonly #sequenceCount: number;
  readonly #isRecurrent: boolean;
  #isDisposed = false;

  constructor(options: DecoderRunnerOptions) {
    const sequenceCount = options.sequenceCount ?? 1;
    this.config = options.config;
    this.contextLength = options.contextLength;
    this.vocabularySize = options.config.vocabularySize;
    this.#isRecurrent = options.config.hybrid !== undefined;
    this.#sequenceCount = sequenceCount;
    this.#pagesPerSequence = Math.ceil(options.contextLength / PAGE_SIZE);
    this.#pool = new PagePool(cachePageCount(options));
    this.#freeSequences = Array.from({ length: sequenceCount }, (_, i) => sequenceCount - 1 - i);
    const graphs = decoderGraphs(options);
    this.#states = createStates(options.backend, graphs[0].graph);
    this.#executables = graphs.map(({ capacity, graph }) => ({
      capacity,
      executable: options.backend.lower(graph, {
        weights: options.weights,
        states: this.#states,
        label: `decoder, ${capacity} rows`,
        ...(options.taps === undefined ? {} : { taps: options.taps }),
      }),
    }));
  }

  /** Rows that one step can take. */
  get largestStep(): number {
    return this.#executables[this.#executables.length - 1].capacity;
  }

  /** Bytes of caches and recurrent states. */
  get stateBytes(): number {
    return Object.values(this.#states).reduce((sum, state) => sum + state.residentBytes, 0);
  }

  get isRecurrent(): boolean {
    return this.#isRecurrent;
  }

  /** Workspace of the largest graph; graphs do not run at once and may share it. */
  get workspaceBytes(): number {
    return Math.max(...this.#executables.map(({ executable }) => executable.workspaceBytes));
  }

  /** Conversations that can still be opened. */
  get freeSequenceCount(): number {
    return this.#freeSequences.length;
  }

  /** Cache pages that no conversation holds. */
  get freePageCount(): number {
    return this.#pool.freeCount;
  }

  /** Starts a conversation. Throws ArgumentError when as many are open as were asked for. */
  open(): Sequence {
    const index = this.#freeSequences.pop();
    if (index === undefined) {
      throw new ArgumentError(
        `All ${this.#sequenceCount} conversations of this model are open.`,
        "Close one, or open the model with a larger sequenceCount.",
      );
    }
    const copyPage = (from: number, to: number): void => {
      for (const [name, state] of Object.entries(this.#states)) {
        if (isCache(name)) state.copy(from * PAGE_SIZE, to * PAGE_SIZE, PAGE_SIZE);
      }
    };
    this.resetRecurrent(index);
    return new Sequence(index, { pool: this.#pool, capacity: this.contextLength, copyPage });
  }

  close(sequence: Sequence): void {
    this.#freeSequences.push(sequence.index);
    sequence[Symbol.dispose]();
  }

  /** Zeroes the recurrent state of a sequence by copying the spare, never-written entry over it. */
  resetRecurrent(index: number): void {
    for (const [name, state] of Object.entries(this.#states)) {
      if (!isCache(name)) state.copy(this.#sequenceCount, index, 1);
    }
  }

  /** Makes `to` continue where `from` stands after `length` positions. Recurrent state is copied as it is now. */
  fork(from: Sequence, to: Sequence, length: number): void {
    to.adopt(from, length);
    for (const [name, state] of Object.entries(this.#states)) {
      if (!isCache(name)) state.copy(from.index, to.index, 1);
    }
  }

  /**
   * Runs rows of one or several sequences and returns the wanted logits, part after part: [selected, V].
   * Throws ArgumentError when the step has more rows than the largest capacity, ContextLengthError or CacheFullError when
   * a sequence cannot take them; every sequence is then as long as before. `into`: logits that nobody needs any more, whose
   * memory is used again where they are as many.
   */
  async step(parts: readonly StepPart[], into?: Float32Array): Promise<Float32Array> {
    if (this.#isDisposed) throw new DisposedError("the decoder", "used");
    const wanted = parts.reduce((sum, part) => sum + part.ids.length, 0);
    const fitting = this.#executables.find(({ capacity }) => capacity >= wanted);
    if (fitting === undefined) {
      throw new ArgumentError(`A step of ${wanted} rows is larger than ${this.largestStep}.`, "Split the step.");
    }
    const { inputs, extents } = this.#pack(parts);
    const { logits } = await fitting.executable.run({
      extents,
      inputs,
      ...(into === undefined ? {} : { into: { logits: into } }),
    });
    if (!(logits instanceof Float32Array)) throw new ArgumentError("The decoder gave no logits.", "Report this.");
    return logits;
  }

  /** Like `step`, with the taps that were asked for at construction. */
  async trace(parts: readonly StepPart[]): Promise<Readonly<Record<string, Float32Array | Int32Array>>> {
    const { rowCount, inputs, extents } = this.#pack(parts);
    const fitting = this.#executables.find(({ capacity }) => capacity >= rowCount) ?? this.#executables[0];
    return fitting.executable.run({ extents, inputs });
  }

  #pack(parts: readonly StepPart[]) {
    const lengths = parts.map(({ sequence }) => sequence.length);
    try {
      return this.#packRows(parts);
    } catch (error) {
      for (const [i, { sequence }] of parts.entries()) sequence.truncate(lengths[i]);
      throw error;
    }
  }

  #packRows(parts: readonly StepPart[]) {
    const rowCount = parts.reduce((sum, part) => sum + part.ids.length, 0);
    const ids = new Int32Array(rowCount);
    const positions = new Int32Array(rowCount);
    const slots = new Int32Array(rowCount);
    const rows = new Int32Array(2 * rowCount);
    const sequence = new Int32Array(rowCount);
    const visualAt: number[] = [];
    const select: number[] = [];
    const table = new Int32Array((this.#sequenceCount + 1) * this.#pagesPerSequence);
    let base = 0;
    for (const part of parts) {
      const before = part.sequence.length;
      const count = part.ids.length;
      slots.set(part.sequence.extend(count), base);
      for (let t = 0; t < count; t++) {
        ids[base + t] = part.ids[t];
        positions[base + t] = before + t;
        rows[2 * (base + t)] = part.sequence.index;
        rows[2 * (base + t) + 1] = before + t + 1;
        sequence[base + t] = part.sequence.index;
      }
      table.set(part.sequence.pages, part.sequence.index * this.#pagesPerSequence);
      for (const at of part.visual?.at ?? []) visualAt.push(base + at);
      for (const index of part.select ?? [count - 1]) select.push(base + index);
      base += count;
    }
    const visual = joinRows(parts);
    return {
      rowCount,
      extents: { tokens: rowCount, visual: visualAt.length, selected: select.length },
      inputs: {
        ids,
        textPositions: positions,
        slots,
        rows,
        table,
        visual,
        visualAt: Int32Array.from(visualAt),
        select: Int32Array.from(select),
        ...(this.#isRecurrent ? { sequence } : {}),
      },
    };
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError("the decoder", "disposed again");
    this.#isDisposed = true;
    for (const { executable } of this.#executables) executable[Symbol.dispose]();
    for (const state of Object.values(this.#states)) state[Symbol.dispose]();
  }
}

/** Pages of the cache: every sequence may need one more than its share while a shared page is copied. */
export function cachePageCount(
  options: Pick<DecoderRunnerOptions, "contextLength" | "sequenceCount" | "cachedPositions">,
): number {
  const { contextLength, sequenceCount = 1 } = options;
  const positions = options.cachedPositions ?? Math.ceil(contextLength / PAGE_SIZE) * PAGE_SIZE * sequenceCount;
  return Math.ceil(positions / PAGE_SIZE) + sequenceCount;
}

const isCache = (stateName: string): boolean => stateName.startsWith("keys.") || stateName.startsWith("values.");

/** The decoder's graphs, smallest capacity first. */
export function decoderGraphs(
  options: Omit<DecoderRunnerOptions, "backend" | "weights">,
): readonly { readonly capacity: number; readonly graph: Graph }[] {
  const sequenceCount = options.sequenceCount ?? 1;
  const pagesPerSequence = Math.ceil(options.contextLength / PAGE_SIZE);
  const slotCount = cachePageCount(options) * PAGE_SIZE;
  return (options.capacities ?? STEP_CAPACITIES).map((capacity) => ({
    capacity,
    graph: decoderGraph(options.config, {
      tokens: capacity,
      // logits of every row of a long step would take more memory than all else: 310 MB at 512 rows and 151,666 tokens
      selected: Math.min(capacity, options.selectedRows ?? Math.max(DEFAULT_SELECTED, sequenceCount)),
      // one entry more than sequences: its recurrent state stays zero and serves to reset the others
      sequences: sequenceCount + 1,
      pagesPerSequence,
      pageSize: PAGE_SIZE,
      slotCount,
      cacheType: options.cacheType ?? "f16",
    }),
  }));
}

function createStates(backend: Backend, graph: Graph): Readonly<Record<string, ResidentState>> {
  const states: Record<string, ResidentState> = {};
  for (const name of Object.keys(graph.states)) states[name] = backend.createState(graph, name);
  return states;
}

function joinRows(parts: readonly StepPart[]): Float32Array {
  const all = parts.flatMap((part) => (part.visual === undefined ? [] : [part.visual.rows]));
  if (all.length === 1) return all[0];
  const joined = new Float32Array(all.reduce((sum, rows) => sum + rows.length, 0));
  let at = 0;
  for (const rows of all) {
    joined.set(rows, at);
    at += rows.length;
  }
  return joined;
}
