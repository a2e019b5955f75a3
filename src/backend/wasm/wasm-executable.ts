import { DisposedError } from "../../base/errors.ts";
import { present } from "../../base/invariant.ts";
import type { Executable, LowerOptions, RunBindings, RunResult } from "../../tensor/backend.ts";
import { sizeOf } from "../../tensor/definition.ts";
import { type Extents, extentsOf } from "../../tensor/dim.ts";
import { BindingError } from "../../tensor/errors.ts";
import { type Graph, slotsOf, type ValueId } from "../../tensor/graph.ts";
import { requireFits } from "../../tensor/planner.ts";
import { memoryViews, readValue, writeDense, writeValue } from "./array-io.ts";
import { ArenaBuffer, planArena, type Region } from "./buffers.ts";
import { WeightShapeError } from "./errors.ts";
import { LoweringContext } from "./lowering/context.ts";
import { LOWERINGS } from "./lowering/table.ts";
import { type HostStep, type KernelStep, Segment, type Step } from "./program.ts";
import { WasmState } from "./wasm-state.ts";
import { WasmWeight } from "./wasm-weight.ts";

/** Memory that an executable shares with the others of its backend. */
export interface Workspace {
  /** Of each memory. */
  readonly arenaBytes: readonly number[];
  readonly scratchBytes: number;
  readonly codeBytes: number;
}

/** What an executable needs of its backend. */
export interface Engine {
  memory(index: number): WebAssembly.Memory;
  /** Bytes in use now by weights, states, constants and workspaces. */
  readonly allocatedBytes: number;
  /** Where the arena of each memory lies now. */
  readonly arenas: readonly number[];
  /** Bytes that arenas of these sizes would take beyond those there are. */
  arenaGrowth(arenaBytes: readonly number[]): number;
  /** Makes room for an executable, at once where nothing runs. Throws OutOfMemoryError. */
  open(workspace: Workspace): void;
  /** Makes the arena and the code area at least this large; only within `exclusive`. */
  prepare(workspace: Workspace): void;
  /** Says that an executable is gone; the last one gives the arena back. */
  close(): void;
  allocateConstant(memory: number, values: Float32Array | Int32Array): Region;
  freeConstant(region: Region): void;
  run(code: Int32Array): Promise<void>;
  /** Runs one replay after another, never two at once. */
  exclusive<T>(job: () => Promise<T>): Promise<T>;
}

type Piece =
  | { readonly kind: "kernels"; readonly segment: Segment }
  | { readonly kind: "host"; readonly step: HostStep };

interface Bound {
  readonly weights: Readonly<Record<string, WasmWeight>>;
  readonly states: Readonly<Record<string, WasmState>>;
}

/** A graph lowered to kernel calls over one arena. */
export class WasmExecutable implements Executable {
  readonly label: string;
  readonly #workspace: Workspace;
  readonly #graph: Graph;
  readonly #context: LoweringContext;
  readonly #pieces: readonly Piece[];
  readonly #engine: Engine;
  readonly #slots: Readonly<Record<string, number>>;
  readonly #results: readonly (readonly [string, ValueId])[];
  readonly #bound: readonly (WasmWeight | WasmState)[];
  readonly #constants: Region[] = [];
  #isDisposed = false;

  constructor(graph: Graph, options: LowerOptions, engine: Engine) {
    this.label = options.label ?? "graph";
    this.#graph = graph;
    this.#engine = engine;
    this.#slots = slotsOf(graph);
    this.#results = [
      ...Object.entries(graph.outputs),
      ...(options.taps ?? []).map((tap) => [tap, present(graph.taps[tap], `tap ${tap}`)] as const),
    ];
    const bound = { weights: ownWeights(graph, options, this.label), states: ownStates(options, this.label) };
    this.#bound = [...Object.values(bound.weights), ...Object.values(bound.states)];
    this.#requireResident();
    try {
      this.#context = this.#lower(options, bound);
      const results = this.#results.map(([, id]) => this.#context.home(id));
      const { pieces, epochCount } = schedule(this.#context.steps);
      for (const id of Object.values(graph.inputs)) touch(this.#context.home(id).buffer, 0);
      for (const place of results) touch(place.buffer, epochCount);
      this.#pieces = pieces;
      this.#workspace = this.#measure();
      this.#requireBudget(options.budgetBytes);
      engine.open(this.#workspace);
    } catch (error) {
      this.#freeConstants();
      throw error;
    }
  }

  get workspaceBytes(): number {
    return this.#workspace.arenaBytes.reduce((sum, bytes) => sum + bytes, 0);
  }

  #lower(options: LowerOptions, bound: Bound): LoweringContext {
    const context = new LoweringContext({
      graph: this.#graph,
      ...bound,
      memory: (index) => this.#engine.memory(index),
      arenas: () => this.#engine.arenas,
      precision: options.precision,
      taps: this.#results.map(([, id]) => id),
      allocateConstant: (memory, values) => {
        const region = this.#engine.allocateConstant(memory, values);
        this.#constants.push(region);
        return region;
      },
    });
    for (const id of Object.values(this.#graph.inputs)) context.place(id);
    for (const node of this.#graph.nodes) {
      context.enter(node);
      LOWERINGS[node.op](context, node);
    }
    return context;
  }

  #measure(): Workspace {
    const words = this.#pieces.map((piece) => (piece.kind === "kernels" ? piece.segment.code.length : 0));
    const used = this.#context.buffers.filter((buffer) => buffer.first <= buffer.last);
    const memoryCount = 1 + Math.max(0, ...used.map(({ memory }) => memory));
    return {
      arenaBytes: Array.from({ length: memoryCount }, (_, index) =>
        planArena(used.filter(({ memory }) => memory === index)),
      ),
      scratchBytes: this.#context.scratchBytes,
      codeBytes: Math.max(0, ...words) * Int32Array.BYTES_PER_ELEMENT,
    };
  }

  /** Weights, states and other workspaces are counted as they are now. */
  #requireBudget(budgetBytes: number | undefined): void {
    if (budgetBytes === undefined) return;
    const growth = this.#engine.arenaGrowth(this.#workspace.arenaBytes);
    requireFits(this.label, this.#engine.allocatedBytes + growth, budgetBytes);
  }

  /** The code holds addresses: what lies there now may be another owner's. */
  #requireResident(): void {
    for (const each of this.#bound) each.requireResident();
  }

  #freeConstants(): void {
    for (const block of this.#constants.splice(0)) this.#engine.freeConstant(block);
  }

  async run({ extents = {}, inputs = {}, into = {} }: RunBindings): Promise<RunResult> {
    if (this.#isDisposed) throw new DisposedError(this.label, "used");
    this.#checkExtents(extents);
    return this.#engine.exclusive(async () => {
      if (this.#isDisposed) throw new DisposedError(this.label, "used");
      this.#requireResident();
      this.#engine.prepare(this.#workspace);
      const { arenas } = this.#engine;
      this.#writeInputs(extents, inputs);
      for (const piece of this.#pieces) {
        if (piece.kind === "host") {
          piece.step.run(extents);
          continue;
        }
        piece.segment.resolve(extents, arenas);
        await this.#engine.run(piece.segment.code);
      }
      return this.#readResults(extents, into);
    });
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError(this.label, "disposed again");
    this.#isDisposed = true;
    this.#freeConstants();
    this.#engine.close();
  }

  #checkExtents(extents: Extents): void {
    for (const slot of Object.keys(this.#slots)) {
      const extent = extents[slot];
      if (extent === undefined) throw new BindingError(`${this.label}: extent "${slot}" was not given`);
      if (!Number.isInteger(extent) || extent < 0 || extent > this.#slots[slot]) {
        throw new BindingError(
          `${this.label}: extent "${slot}" is ${extent}, not a whole number from 0 to ${this.#slots[slot]}`,
          "Split the work into steps that fit what was recorded.",
        );
      }
    }
  }

  #writeInputs(extents: Extents, inputs: NonNullable<RunBindings["inputs"]>): void {
    const { arenas } = this.#engine;
    for (const [name, id] of Object.entries(this.#graph.inputs)) {
      const { dims, dtype } = this.#graph.values[id];
      const data = inputs[name];
      const expected = sizeOf(extentsOf(dims, extents));
      if (data === undefined) throw new BindingError(`${this.label}: input "${name}" was not given`);
      if (data.length !== expected || data instanceof Int32Array !== (dtype === "i32")) {
        const kind = dtype === "i32" ? "int32" : "float32";
        throw new BindingError(
          `${this.label}: input "${name}" should be ${expected} ${kind} but has ${data.length} elements`,
        );
      }
      const place = this.#context.home(id);
      // rows of heads lie side by side here, but head after head in the data
      const write = place.headCount === 1 ? writeDense : writeValue;
      const { floats, integers } = memoryViews(this.#engine.memory(place.buffer.memory));
      write({ place, dims, extents, arenas }, dtype === "i32" ? integers : floats, data);
    }
  }

  #readResults(extents: Extents, into: RunResult): RunResult {
    const { arenas } = this.#engine;
    const result: Record<string, Float32Array | Int32Array> = {};
    for (const [name, id] of this.#results) {
      const { dims, dtype } = this.#graph.values[id];
      const place = this.#context.home(id);
      const access = { place, dims, extents, arenas };
      const { floats, integers } = memoryViews(this.#engine.memory(place.buffer.memory));
      const given = into[name];
      result[name] =
        dtype === "i32"
          ? readValue(access, integers, (n) => (isFitting(given, Int32Array, n) ? given : new Int32Array(n)))
          : readValue(access, floats, (n) => (isFitting(given, Float32Array, n) ? given : new Float32Array(n)));
    }
    return result;
  }
}

function isFitting<T extends Float32Array | Int32Array>(
  array: Float32Array | Int32Array | undefined,
  type: new (length: number) => T,
  length: number,
): array is T {
  return array instanceof type && array.length === length;
}

/**
 * Decides where threads must meet: before a step that reads what was written, or writes what was used, since the last
 * meeting. Buffers live from the first to the last such epoch, so that memory is never given on within one.
 */
function schedule(steps: readonly Step[]): { readonly pieces: readonly Piece[]; readonly epochCount: number } {
  const pieces: Piece[] = [];
  let group: { step: KernelStep; needsBarrier: boolean }[] = [];
  let written = new Set<unknown>();
  let used = new Set<unknown>();
  let epoch = 1;
  const close = (): void => {
    if (group.length > 0) pieces.push({ kind: "kernels", segment: new Segment(group) });
    group = [];
  };
  for (const step of steps) {
    const conflicts = step.reads.some((b) => written.has(b)) || step.writes.some((b) => used.has(b));
    const needsBarrier = step.kind === "host" || conflicts;
    if (needsBarrier) {
      epoch++;
      written = new Set();
      used = new Set();
    }
    for (const buffer of [...step.reads, ...step.writes]) {
      used.add(buffer);
      touch(buffer, epoch);
    }
    for (const buffer of step.writes) written.add(buffer);
    if (step.kind === "host") {
      close();
      pieces.push({ kind: "host", step });
      epoch++;
      written = new Set();
      used = new Set();
    } else {
      group.push({ step, needsBarrier: needsBarrier && group.length > 0 });
    }
  }
  close();
  return { pieces, epochCount: epoch + 1 };
}

function touch(buffer: unknown, epoch: number): void {
  if (buffer instanceof ArenaBuffer) buffer.touch(epoch);
}

function ownWeights(graph: Graph, options: LowerOptions, label: string): Readonly<Record<string, WasmWeight>> {
  const own: Record<string, WasmWeight> = {};
  for (const [name, id] of Object.entries(graph.weights)) {
    const weight = options.weights[name];
    if (weight === undefined) throw new BindingError(`${label}: weight "${name}" was not given`);
    if (!(weight instanceof WasmWeight)) {
      throw new BindingError(`${label}: weight "${name}" belongs to another backend`);
    }
    requireShape(
      weight,
      graph.values[id].dims.map((d) => d.capacity),
    );
    own[name] = weight;
  }
  return own;
}

/** Axes of length one may be left out or added: files keep a bias as a row now and then. */
function requireShape(weight: WasmWeight, expected: readonly number[]): void {
  const count = expected.reduce((n, d) => n * d, 1);
  const hasSameCount = weight.shape.reduce((n, d) => n * d, 1) === count;
  const hasSameRows = (expected.at(-1) ?? 1) === (weight.shape.at(-1) ?? 1) || expected.length < 2;
  if (!hasSameCount || !hasSameRows) throw new WeightShapeError(weight.name, expected, weight.shape);
}

function ownStates(options: LowerOptions, label: string): Readonly<Record<string, WasmState>> {
  const own: Record<string, WasmState> = {};
  for (const [name, state] of Object.entries(options.states ?? {})) {
    if (!(state instanceof WasmState)) throw new BindingError(`${label}: state "${name}" belongs to another backend`);
    own[name] = state;
  }
  return own;
}
