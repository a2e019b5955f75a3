import { present } from "../../../base/invariant.ts";
import type { Precision, WeightUse } from "../../../tensor/backend.ts";
import type { OpName } from "../../../tensor/definitions.ts";
import { capacityOf, type Dim, type Extents } from "../../../tensor/dim.ts";
import { BindingError } from "../../../tensor/errors.ts";
import type { Graph, Node, Value, ValueId } from "../../../tensor/graph.ts";
import { ArenaBuffer, fixedBuffer, type PlacedBuffer, type Region } from "../buffers.ts";
import { copyAcross } from "../call-table.ts";
import { at, densePlace, ELEMENT_BYTES, isDense, type Place, rowsTimes } from "../place.ts";
import type { Argument, KernelStep, Split, Step } from "../program.ts";
import type { WasmState } from "../wasm-state.ts";
import type { WasmWeight, WeightForm } from "../wasm-weight.ts";
import { ValueUses } from "./value-uses.ts";

/** Ops whose weight has a form of its own that only kernels of its memory can read. */
const OWN_FORMS: Readonly<Partial<Record<OpName, { readonly input: number; readonly use: WeightUse }>>> = {
  linear: { input: 1, use: "linear" },
  transposedLinear: { input: 1, use: "transposed" },
  gatherRows: { input: 0, use: "table" },
};

/** What the lowering of one graph knows and gathers. */
export class LoweringContext {
  readonly graph: Graph;
  readonly steps: Step[] = [];
  readonly buffers: ArenaBuffer[] = [];
  readonly weights: Readonly<Record<string, WasmWeight>>;
  readonly states: Readonly<Record<string, WasmState>>;
  /** Where the arena of each memory lies at this moment; for host steps. */
  readonly arenas: () => readonly number[];
  /** How attention without a cache computes. */
  readonly precision: Precision;
  /** Largest scratch that one thread needs. */
  scratchBytes = 0;
  readonly #memory: (index: number) => WebAssembly.Memory;
  /** Index of the memory of the node that is being lowered. */
  #here = 0;
  readonly #places: (Place | undefined)[];
  /** Values in buffers that they share with nothing, views apart. */
  readonly #ownBuffers = new Set<ValueId>();
  /** Copies of values in memories that they were not made in. */
  readonly #brought = new Map<string, Place>();
  readonly #stateOf = new Map<ValueId, WasmState>();
  readonly #weightNames: ReadonlyMap<ValueId, string>;
  readonly #uses: ValueUses;
  readonly #shared = new Map<string, Place>();
  readonly #allocateConstant: (memory: number, values: Float32Array | Int32Array) => Region;

  constructor(parts: {
    readonly graph: Graph;
    readonly weights: Readonly<Record<string, WasmWeight>>;
    readonly states: Readonly<Record<string, WasmState>>;
    readonly memory: (index: number) => WebAssembly.Memory;
    readonly arenas: () => readonly number[];
    readonly allocateConstant: (memory: number, values: Float32Array | Int32Array) => Region;
    readonly precision: Precision | undefined;
    /** Values that are read out besides the outputs. */
    readonly taps: readonly ValueId[];
  }) {
    const isInteger = Object.values(parts.weights).some((weight) => weight.precision === "integer");
    this.precision = parts.precision ?? (isInteger ? "integer" : "float");
    this.#uses = new ValueUses(parts.graph, parts.taps);
    this.arenas = parts.arenas;
    this.graph = parts.graph;
    this.#allocateConstant = parts.allocateConstant;
    this.weights = parts.weights;
    this.states = parts.states;
    this.#memory = parts.memory;
    this.#places = new Array(parts.graph.values.length);
    this.#weightNames = new Map(Object.entries(parts.graph.weights).map(([name, id]) => [id, name]));
    for (const [name, { from }] of Object.entries(parts.graph.states)) {
      const state = parts.states[name];
      if (state === undefined) throw new BindingError(`state "${name}" was not given`);
      this.#stateOf.set(from, state);
    }
  }

  value(id: ValueId): Value {
    return this.graph.values[id];
  }

  /** True where one node reads the value and nobody else. */
  hasOneReader(id: ValueId): boolean {
    return this.#uses.readerCount(id) === 1;
  }

  /** A node that reads the value. */
  readerOf(id: ValueId): Node | undefined {
    return this.#uses.reader(id);
  }

  /** The node that computes the value. */
  makerOf(id: ValueId): Node | undefined {
    return this.#uses.maker(id);
  }

  /** The memory that the node's kernels see. */
  get memory(): WebAssembly.Memory {
    return this.#memory(this.#here);
  }

  /** The floats of something that stays where it is. */
  floatsOf({ memory, address, bytes }: Region): Float32Array {
    return new Float32Array(this.#memory(memory).buffer, address, Math.floor(bytes / ELEMENT_BYTES));
  }

  /**
   * Says which node comes next, and moves to its memory: that of its state or of the weight that it multiplies with or looks
   * up, else the last among those of its inputs, so that rows follow the layers.
   */
  enter(node: Node): void {
    this.#here = this.#memoryOf(node);
  }

  #memoryOf({ op, inputs }: Node): number {
    const states = inputs.flatMap((id) => this.#stateOf.get(id)?.buffer.memory ?? []);
    if (states.length > 0) return states[0];
    const own = OWN_FORMS[op];
    if (own !== undefined && this.isWeight(inputs[own.input]))
      return this.weightForm(inputs[own.input], own.use).memory;
    return Math.max(0, ...inputs.map((id) => this.#places[id]?.buffer.memory ?? 0));
  }

  /** Where a value lies for the node that is being lowered; brought into its memory where it lies in another. */
  place(id: ValueId): Place {
    const home = this.home(id);
    if (home.buffer.memory === this.#here) return home;
    const key = `${this.#here} ${id}`;
    const known = this.#brought.get(key);
    if (known !== undefined) return known;
    const brought = this.#bring(home);
    this.#brought.set(key, brought);
    return brought;
  }

  /** A copy in the memory of the node; rows with gaps are put together first. */
  #bring(home: Place): Place {
    const here = this.#here;
    this.#here = home.buffer.memory;
    const from = isDense(home) ? home : this.copyDense(home);
    this.#here = here;
    const rowBytes = from.width * from.headCount * ELEMENT_BYTES;
    const buffer = this.arena((from.rows?.capacity ?? 1) * rowBytes);
    const to = { ...from, buffer, offsetBytes: 0, rowStride: rowBytes };
    this.#copyAcross(from, to, { rowBytes, end: rowsTimes(from, 1) });
    return to;
  }

  #copyAcross(from: Place, to: Place, { rowBytes, end }: { readonly rowBytes: number; readonly end: Argument }): void {
    this.kernel(copyAcross.name, {
      arguments: { fromMemory: from.buffer.memory, from: at(from), to: at(to), rowBytes, begin: 0, end },
      splits: [{ begin: "begin", granule: 1 }],
      reads: [from],
      writes: [to],
    });
  }

  /** Where a value was made; leaves are placed when first asked for. */
  home(id: ValueId): Place {
    const known = this.#places[id];
    if (known !== undefined) return known;
    const value = this.value(id);
    const place =
      value.kind === "weight"
        ? this.#plainWeight(value)
        : densePlace(this.arena(this.#bytesOf(value.dims)), value.dims);
    this.#places[id] = place;
    return place;
  }

  /** Gives an op's output memory of its own. */
  output(node: Node, index = 0): Place {
    const id = node.outputs[index];
    const { dims } = this.value(id);
    this.#ownBuffers.add(id);
    return this.setPlace(id, densePlace(this.arena(this.#bytesOf(dims)), dims));
  }

  /**
   * The output of an op that reads each element of a dense input before it writes the same one: over the input, where the op
   * is all that reads it. A tower's widest rows are then held once, not twice.
   */
  outputOver(node: Node, input: ValueId): Place {
    const place = this.#places[input];
    const isFree = this.#ownBuffers.has(input) && this.hasOneReader(input);
    if (!isFree || place === undefined || place.buffer.memory !== this.#here) return this.output(node);
    this.#ownBuffers.add(node.outputs[0]);
    return this.setPlace(node.outputs[0], place);
  }

  setPlace(id: ValueId, place: Place): Place {
    this.#places[id] = place;
    return place;
  }

  /** The place of a value, copied together first where it is a view with gaps. */
  dense(id: ValueId): Place {
    const place = this.place(id);
    if (isDense(place)) return place;
    // what was brought from another memory is dense, so this is the value's home
    const copy = this.copyDense(place);
    this.#places[id] = copy;
    return copy;
  }

  copyDense(place: Place): Place {
    const { width, headCount, rows } = place;
    const rowStride = width * headCount * ELEMENT_BYTES;
    const buffer = this.arena((rows?.capacity ?? 1) * rowStride);
    const headStride = headCount === 1 ? 0 : width * ELEMENT_BYTES;
    const copy: Place = { ...place, buffer, offsetBytes: 0, rowStride, headStride };
    this.copy(place, copy);
    return copy;
  }

  /** Copies rows and heads of `from` over `to`. */
  copy(from: Place, to: Place): void {
    this.kernel("copyStrided", {
      arguments: {
        from: at(from),
        fromStride: from.rowStride,
        fromInner: from.headStride,
        to: at(to),
        toStride: to.rowStride,
        toInner: to.headStride,
        begin: 0,
        end: rowsTimes(from, 1),
        count: from.headCount,
        bytes: from.width * ELEMENT_BYTES,
      },
      splits: [{ begin: "begin", granule: 1 }],
      reads: [from],
      writes: [to],
    });
  }

  /** Fresh memory of the arena, in the memory of the node. */
  arena(bytes: number): ArenaBuffer {
    const buffer = new ArenaBuffer(this.#here, Math.max(bytes, 32));
    this.buffers.push(buffer);
    return buffer;
  }

  /** Something computed once per replay and used by many steps: a rotary table, quantised activations. */
  shared(key: string, make: () => Place): Place {
    const own = `${this.#here} ${key}`;
    const known = this.#shared.get(own);
    if (known !== undefined) return known;
    const made = make();
    this.#shared.set(own, made);
    return made;
  }

  /** Memory with fixed contents, written when the executable is made. */
  constant(values: Float32Array | Int32Array): PlacedBuffer {
    return fixedBuffer(this.#allocateConstant(this.#here, values));
  }

  state(id: ValueId): WasmState {
    return present(this.#stateOf.get(id), `the state of value ${id}`);
  }

  hasState(id: ValueId): boolean {
    return this.#stateOf.has(id);
  }

  /** Says that an op's output is the same state, updated in place. */
  donate(node: Node, index: number, state: WasmState): void {
    this.#stateOf.set(node.outputs[index], state);
  }

  /** The form of a weight that serves `use`. */
  weightForm(id: ValueId, use: WeightUse): WeightForm {
    return this.weight(id).form(use);
  }

  /** Says that a kernel uses this much scratch. */
  needScratch(bytes: number): void {
    this.scratchBytes = Math.max(this.scratchBytes, bytes);
  }

  isWeight(id: ValueId): boolean {
    return this.#weightNames.has(id);
  }

  kernel(
    kernel: string,
    call: {
      readonly arguments: Readonly<Record<string, Argument>>;
      readonly splits: readonly Split[];
      readonly reads: readonly (Place | PlacedBuffer)[];
      readonly writes: readonly (Place | PlacedBuffer)[];
    },
  ): void {
    const step: KernelStep = {
      kind: "kernel",
      kernel,
      memory: this.#here,
      arguments: call.arguments,
      splits: call.splits,
      reads: call.reads.map(bufferOf),
      writes: call.writes.map(bufferOf),
    };
    this.steps.push(step);
  }

  /** Runs `run` in JavaScript after everything before it. */
  host(run: (extents: Extents) => void, reads: readonly Place[], writes: readonly Place[]): void {
    this.steps.push({ kind: "host", run, reads: reads.map(bufferOf), writes: writes.map(bufferOf) });
  }

  weight(id: ValueId): WasmWeight {
    const name = present(this.#weightNames.get(id), `the weight name of value ${id}`);
    const weight = this.weights[name];
    if (weight === undefined) throw new BindingError(`weight "${name}" was not given`);
    return weight;
  }

  #plainWeight(value: Value): Place {
    const form = this.weightForm(value.id, "plain");
    return densePlace(fixedBuffer(form), value.dims);
  }

  #bytesOf(dims: readonly Dim[]): number {
    return capacityOf(dims) * ELEMENT_BYTES;
  }
}

function bufferOf(item: Place | PlacedBuffer): PlacedBuffer {
  return "buffer" in item ? item.buffer : item;
}
