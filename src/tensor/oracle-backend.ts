import { DisposedError } from "../base/errors.ts";
import { present } from "../base/invariant.ts";
import type {
  Backend,
  Executable,
  LowerOptions,
  ResidentState,
  ResidentWeight,
  RunBindings,
  RunResult,
  WeightSource,
} from "./backend.ts";
import { sizeOf } from "./definition.ts";
import { capacityOf } from "./dim.ts";
import type { StorageType } from "./dtype.ts";
import { BindingError } from "./errors.ts";
import type { Graph } from "./graph.ts";
import { slotsOf } from "./graph.ts";
import { interpret } from "./oracle.ts";

/** Reads stored elements; given by the caller because formats belong to a higher layer. */
export type DecodeStored = (type: StorageType, bytes: Uint8Array, elementCount: number) => Float32Array;

/** Whether a resource may still be used. Nothing is freed here, but a caller's mistake shows as on any other backend. */
class Life {
  readonly #what: string;
  #isOver = false;

  constructor(what: string) {
    this.#what = what;
  }

  check(): void {
    if (this.#isOver) throw new DisposedError(this.#what, "used");
  }

  end(): void {
    if (this.#isOver) throw new DisposedError(this.#what, "disposed again");
    this.#isOver = true;
  }
}

class OracleWeight implements ResidentWeight {
  readonly name: string;
  readonly #life: Life;
  readonly #values: Float32Array;

  constructor(name: string, values: Float32Array) {
    this.name = name;
    this.#life = new Life(`weight "${name}"`);
    this.#values = values;
  }

  get residentBytes(): number {
    return this.#values.byteLength;
  }

  get values(): Float32Array {
    this.#life.check();
    return this.#values;
  }

  check(): void {
    this.#life.check();
  }

  replace(values: Float32Array): void {
    this.values.set(values);
  }

  [Symbol.dispose](): void {
    this.#life.end();
  }
}

class OracleState implements ResidentState {
  readonly name: string;
  readonly #life: Life;
  #values: Float64Array<ArrayBuffer>;
  readonly #entry: number;

  constructor(name: string, entryCount: number, entry: number) {
    this.name = name;
    this.#life = new Life(`state "${name}"`);
    this.#values = new Float64Array(entryCount * entry);
    this.#entry = entry;
  }

  get values(): Float64Array<ArrayBuffer> {
    this.#life.check();
    return this.#values;
  }

  set values(values: Float64Array<ArrayBuffer>) {
    this.#life.check();
    this.#values = values;
  }

  copy(from: number, to: number, count: number): void {
    this.values.copyWithin(to * this.#entry, from * this.#entry, (from + count) * this.#entry);
  }

  get residentBytes(): number {
    return this.#values.byteLength;
  }

  clear(): void {
    this.values.fill(0);
  }

  save(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.values.slice().buffer);
  }

  restore(saved: Uint8Array): void {
    if (saved.byteLength !== this.values.byteLength) {
      throw new BindingError(`state "${this.name}" has ${this.values.byteLength} bytes, not ${saved.byteLength}`);
    }
    this.values = new Float64Array(saved.slice().buffer);
  }

  [Symbol.dispose](): void {
    this.#life.end();
  }
}

/** The oracle behind the backend interface: slow, exact, for tests and for finding which stage of a kernel run is wrong. */
export function oracleBackend(decode: DecodeStored): Backend {
  const life = new Life("the oracle backend");
  const check = (): void => life.check();
  return {
    info: { name: "oracle", description: "float64 interpreter", threadCount: 1, unsupported: {} },
    residentBytes: 0,
    upload: async (source) => {
      check();
      return new OracleWeight(source.name, await readAll(source, decode));
    },
    createState: (graph, name) => {
      check();
      const { from } = present(graph.states[name], `state ${name}`);
      const [outermost, ...rest] = graph.values[from].dims;
      return new OracleState(name, outermost.capacity, capacityOf(rest));
    },
    lower: (graph, options) => {
      check();
      return new OracleExecutable(graph, options);
    },
    [Symbol.dispose]: () => life.end(),
  };
}

async function readAll(source: WeightSource, decode: DecodeStored): Promise<Float32Array> {
  const count = sizeOf(source.shape);
  const rows = source.shape.length < 2 ? 1 : sizeOf(source.shape.slice(0, -1));
  return decode(source.type, await source.readRows(0, rows), count);
}

class OracleExecutable implements Executable {
  readonly label: string;
  readonly workspaceBytes = 0;
  readonly #graph: Graph;
  readonly #options: LowerOptions;
  readonly #life: Life;

  constructor(graph: Graph, options: LowerOptions) {
    this.label = options.label ?? "graph";
    this.#life = new Life(this.label);
    for (const weight of Object.values(options.weights)) if (weight instanceof OracleWeight) weight.check();
    this.#graph = graph;
    this.#options = options;
  }

  async run({ extents = {}, inputs = {} }: RunBindings): Promise<RunResult> {
    this.#life.check();
    for (const slot of Object.keys(slotsOf(this.#graph))) {
      if (extents[slot] === undefined) throw new BindingError(`${this.label}: extent "${slot}" was not given`);
    }
    const weights: Record<string, Float32Array> = {};
    for (const name of Object.keys(this.#graph.weights)) {
      const weight = this.#options.weights[name];
      if (!(weight instanceof OracleWeight))
        throw new BindingError(`${this.label}: weight "${name}" was not uploaded here`);
      weights[name] = weight.values;
    }
    const owned: [string, OracleState][] = [];
    for (const name of Object.keys(this.#graph.states)) {
      const state = this.#options.states?.[name];
      if (!(state instanceof OracleState))
        throw new BindingError(`${this.label}: state "${name}" was not created here`);
      owned.push([name, state]);
    }
    const states: Record<string, Float64Array> = Object.fromEntries(owned.map(([name, state]) => [name, state.values]));
    const { outputs, taps } = interpret(this.#graph, { extents, inputs, weights, states });
    for (const [name, state] of owned) state.values = Float64Array.from(states[name]);
    const result: Record<string, Float32Array | Int32Array> = {};
    for (const [name, { data }] of Object.entries(outputs)) {
      const isInteger = this.#graph.values[this.#graph.outputs[name]].dtype === "i32";
      result[name] = isInteger ? Int32Array.from(data) : Float32Array.from(data);
    }
    for (const name of this.#options.taps ?? [])
      result[name] = Float32Array.from(present(taps[name], `tap ${name}`).data);
    return result;
  }

  [Symbol.dispose](): void {
    this.#life.end();
  }
}
