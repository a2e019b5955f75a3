import { seededRandom } from "../../src/base/random.ts";
import type {
  Backend,
  InputData,
  Precision,
  ResidentState,
  ResidentWeight,
  RunResult,
} from "../../src/tensor/backend.ts";
import { capacityOf, extentsOf } from "../../src/tensor/dim.ts";
import type { StorageType } from "../../src/tensor/dtype.ts";
import { STORAGE_BLOCKS } from "../../src/tensor/dtype.ts";
import type { Graph } from "../../src/tensor/graph.ts";
import { interpret } from "../../src/tensor/oracle.ts";
import { startRecording } from "../../src/tensor/recorder.ts";
import type { OpCase, OpCaseStep } from "../../src/tensor/testing/op-case.ts";
import { randomStored } from "../../src/tensor/testing/random-stored.ts";
import { weightUses } from "../../src/tensor/weight-uses.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";

interface StoredWeight {
  readonly type: StorageType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A case with its data drawn and its float64 answer. */
export interface PreparedCase {
  readonly graph: Graph;
  readonly weights: Readonly<Record<string, StoredWeight>>;
  readonly steps: readonly { readonly step: OpCaseStep; readonly inputs: Readonly<Record<string, InputData>> }[];
  readonly expected: readonly Readonly<Record<string, Float64Array>>[];
}

const SEED = 11;

/** Draws a case's data and asks the oracle. */
export function prepareCase(c: OpCase): PreparedCase {
  const drawn = drawCase(c, c.steps ?? [{}]);
  const { graph, weights, steps } = drawn;
  const values = Object.fromEntries(
    Object.entries(weights).map(([name, w]) => [
      name,
      dequantise(
        w.type,
        w.bytes,
        w.shape.reduce((n, d) => n * d, 1),
      ),
    ]),
  );
  const states: Record<string, Float64Array> = {};
  const expected = steps.map(({ step, inputs }) => {
    const { outputs } = interpret(graph, { extents: step.extents, inputs, weights: values, states });
    return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
  });
  return { ...drawn, expected };
}

/** A case with other steps than its own, which nothing is known about. */
export function drawCase(c: OpCase, replays: readonly OpCaseStep[]): Omit<PreparedCase, "expected"> {
  const recording = startRecording();
  c.record(recording);
  const { graph } = recording;
  const random = seededRandom(SEED);
  const draw = (name: string, count: number): Float32Array<ArrayBuffer> => {
    const own = c.draw?.[name];
    return Float32Array.from({ length: count }, (_, i) => (own === undefined ? random.normal() : own(random, i)));
  };
  const weights: Record<string, StoredWeight> = {};
  for (const [name, id] of Object.entries(graph.weights)) {
    const { dims } = graph.values[id];
    const type = c.types?.[name] ?? "F32";
    const count = capacityOf(dims);
    const bytes = type === "F32" ? new Uint8Array(draw(name, count).buffer) : randomStored(type, count, random);
    weights[name] = { type, shape: dims.map((d) => d.capacity), bytes };
  }
  const steps = replays.map((step) => ({ step, inputs: drawInputs(graph, step, draw) }));
  return { graph, weights, steps };
}

function drawInputs(
  graph: Graph,
  step: OpCaseStep,
  draw: (name: string, count: number) => Float32Array<ArrayBuffer>,
): Record<string, InputData> {
  const inputs: Record<string, InputData> = {};
  for (const [name, id] of Object.entries(graph.inputs)) {
    const { dims, dtype } = graph.values[id];
    const count = extentsOf(dims, step.extents ?? {}).reduce((n, d) => n * d, 1);
    inputs[name] = dtype === "i32" ? Int32Array.from(step.integers?.[name] ?? []) : draw(name, count);
  }
  return inputs;
}

/** A case bound to a backend: replayed as often as wanted. */
export interface BoundCase extends Disposable {
  run(): Promise<RunResult[]>;
}

/** Runs every step of a case on a backend and gives all outputs. */
export async function runCase(backend: Backend, prepared: PreparedCase, precision: Precision): Promise<RunResult[]> {
  using bound = await bindCase(backend, prepared, precision);
  return await bound.run();
}

/** Uploads a case's weights, makes its states and lowers its graph. */
export async function bindCase(
  backend: Backend,
  prepared: Omit<PreparedCase, "expected">,
  precision: Precision,
): Promise<BoundCase> {
  const { graph } = prepared;
  const uses = weightUses([graph]);
  const weights: Record<string, ResidentWeight> = {};
  const states: Record<string, ResidentState> = {};
  // no DisposableStack: WebKit has none
  const owned: Disposable[] = [];
  const own = <T extends Disposable>(resource: T): T => {
    owned.unshift(resource);
    return resource;
  };
  const dispose = (): void => {
    for (const resource of owned) resource[Symbol.dispose]();
  };
  try {
    for (const [name, { type, shape, bytes }] of Object.entries(prepared.weights)) {
      const rowBytes = ((shape[shape.length - 1] ?? 1) / STORAGE_BLOCKS[type].elements) * STORAGE_BLOCKS[type].bytes;
      const readRows = async (begin: number, end: number) => bytes.slice(begin * rowBytes, end * rowBytes);
      weights[name] = own(await backend.upload({ name, type, shape, readRows }, { precision, uses: uses[name] }));
    }
    for (const name of Object.keys(graph.states)) states[name] = own(backend.createState(graph, name));
    const executable = own(backend.lower(graph, { weights, states, precision }));
    return {
      run: async () => {
        const results: RunResult[] = [];
        for (const { step, inputs } of prepared.steps) {
          results.push(await executable.run({ extents: step.extents, inputs }));
        }
        return results;
      },
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Σ(a − b)² / Σ b² over one output; NaN anywhere gives NaN. */
export function nmse(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = actual.length === expected.length ? 0 : Number.NaN;
  let energy = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    energy += expected[i] ** 2;
  }
  return energy === 0 ? error : error / energy;
}

/** The worst output of the worst step; NaN where there is one. */
export function worstError(results: readonly RunResult[], { expected }: PreparedCase): number {
  let worst = 0;
  for (const [i, outputs] of expected.entries()) {
    for (const [name, data] of Object.entries(outputs)) {
      const error = nmse(results[i][name], data);
      if (Number.isNaN(error)) return error;
      worst = Math.max(worst, error);
    }
  }
  return worst;
}
