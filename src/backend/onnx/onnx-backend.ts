import { Worker } from "node:worker_threads";
import { DisposedError, MiniCpmError, UnsupportedError } from "../../base/errors.ts";
import { present } from "../../base/invariant.ts";
import type {
  Backend,
  Executable,
  LowerOptions,
  ResidentWeight,
  RunBindings,
  RunResult,
  WeightSource,
} from "../../tensor/backend.ts";
import { sizeOf } from "../../tensor/definition.ts";
import type { StorageType } from "../../tensor/dtype.ts";
import { BindingError } from "../../tensor/errors.ts";
import { type Graph, slotsOf } from "../../tensor/graph.ts";
import { EMITTERS } from "./emit/table.ts";
import { type EmittedModel, emitModel } from "./emit-model.ts";
import type { OnnxData, OnnxFeed, OnnxReply, OnnxRequest, OnnxWorkerData } from "./onnx-protocol.ts";

/** onnxruntime refused a model or failed while running it. */
export class OnnxRuntimeError extends MiniCpmError {
  constructor(reason: string, options?: ErrorOptions) {
    super("E_ONNX_RUNTIME", `onnxruntime: ${reason}.`, "Use the WebAssembly backend, or report the message.", options);
  }
}

export interface OnnxBackendOptions {
  readonly decode: (type: StorageType, bytes: Uint8Array, elementCount: number) => Float32Array;
  /** Threads within one op. Bits repeat for the same CPU, count and version. */
  readonly threadCount?: number;
  /** Workers that each hold every session, for runs at the same time: packs of a training step. 1 when absent. */
  readonly workerCount?: number;
}

/**
 * Graphs as ONNX models run by onnxruntime-node in workers: wide-vector float32 for training. Every extent must be at
 * its capacity. Throws UnsupportedError where the optional package is missing.
 */
export async function createOnnxBackend(options: OnnxBackendOptions): Promise<Backend> {
  const threadCount = options.threadCount ?? 1;
  const workerCount = options.workerCount ?? 1;
  const runtimePath = runtimeAddress();
  const hosts = Array.from({ length: workerCount }, () => new OnnxHost({ runtimePath, threadCount }));
  const [host] = hosts;
  const unsupported = Object.fromEntries(
    Object.entries(EMITTERS).flatMap(([op, emitter]) =>
      typeof emitter === "function" ? [] : [[op, emitter.unsupported]],
    ),
  );
  return {
    info: {
      name: "onnx",
      description: `onnxruntime-node, ${workerCount} × ${threadCount} threads`,
      threadCount: workerCount * threadCount,
      parallelRuns: workerCount,
      unsupported,
    },
    residentBytes: 0,
    upload: async (source) => {
      host.check();
      return new OnnxWeight(source.name, source.shape, await readAll(source, options.decode));
    },
    createState: (_graph, name) => {
      throw new UnsupportedError(`The onnx backend keeps no state "${name}".`, "Record the graph with past: none.");
    },
    lower: (graph, lowerOptions) => {
      host.check();
      return new OnnxExecutable(graph, lowerOptions, hosts);
    },
    [Symbol.dispose]: () => {
      for (const each of hosts) each[Symbol.dispose]();
    },
  };
}

function runtimeAddress(): string {
  try {
    return import.meta.resolve("onnxruntime-node");
  } catch (cause) {
    throw new UnsupportedError(
      "The package onnxruntime-node is not installed.",
      "Run `npm i onnxruntime-node --onnxruntime-node-install=skip`, or train on the WebAssembly backend.",
      { cause },
    );
  }
}

async function readAll(source: WeightSource, decode: OnnxBackendOptions["decode"]): Promise<Float32Array> {
  const rows = source.shape.length < 2 ? 1 : sizeOf(source.shape.slice(0, -1));
  return decode(source.type, await source.readRows(0, rows), sizeOf(source.shape));
}

class OnnxWeight implements ResidentWeight {
  readonly name: string;
  readonly shape: readonly number[];
  // on shared memory, so that the worker sees a training step without a copy
  readonly #values: Float32Array;
  #isDisposed = false;

  constructor(name: string, shape: readonly number[], values: Float32Array) {
    this.name = name;
    this.shape = shape;
    this.#values = new Float32Array(new SharedArrayBuffer(values.byteLength));
    this.#values.set(values);
  }

  get residentBytes(): number {
    return this.#values.byteLength;
  }

  check(): void {
    if (this.#isDisposed) throw new DisposedError(`weight "${this.name}"`, "used");
  }

  get values(): Float32Array {
    this.check();
    return this.#values;
  }

  replace(values: Float32Array): void {
    this.values.set(values);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError(`weight "${this.name}"`, "disposed again");
    this.#isDisposed = true;
  }
}

interface Waiting {
  readonly resolve: (reply: OnnxReply) => void;
  readonly reject: (error: Error) => void;
}

/** The worker that holds the sessions. */
class OnnxHost implements Disposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #sessions = 0;
  #isDisposed = false;

  constructor(data: OnnxWorkerData) {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    this.#worker = new Worker(new URL(`./onnx-worker.${extension}`, import.meta.url), { workerData: data });
    this.#worker.unref();
    this.#worker.on("message", (reply: OnnxReply) => this.#settle(reply));
    this.#worker.on("error", (cause) => this.#failAll(new OnnxRuntimeError(String(cause), { cause })));
    this.#worker.on("exit", (code) => this.#failAll(new OnnxRuntimeError(`its thread ended with code ${code}`)));
  }

  async load(model: Uint8Array): Promise<number> {
    const session = this.#sessions++;
    await this.#call({ kind: "load", session, model });
    return session;
  }

  async run(
    session: number,
    feeds: Readonly<Record<string, OnnxFeed>>,
    fetches: Readonly<Record<string, OnnxFeed | null>>,
  ): Promise<Readonly<Record<string, OnnxData>>> {
    const reply = await this.#call({ kind: "run", session, feeds, fetches });
    return reply.kind === "ran" ? reply.outputs : {};
  }

  check(): void {
    if (this.#isDisposed) throw new DisposedError("the onnx backend", "used");
  }

  drop(session: number): void {
    // nobody waits for a session to go; a failure shows with the next call
    this.#call({ kind: "drop", session }).catch(() => {});
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError("the onnx backend", "disposed again");
    this.#isDisposed = true;
    if (this.#waiting.size === 0) this.#end();
  }

  /** Only between calls: onnxruntime aborts the process when its thread ends in the middle of one. */
  #end(): void {
    void this.#worker.terminate(); // its end is reported by the exit event
  }

  #call(
    request:
      | Omit<OnnxRequest & { kind: "load" }, "call">
      | Omit<OnnxRequest & { kind: "run" }, "call">
      | Omit<OnnxRequest & { kind: "drop" }, "call">,
  ): Promise<OnnxReply> {
    this.check();
    const call = this.#calls++;
    if (this.#waiting.size === 0) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#worker.postMessage({ ...request, call });
    });
  }

  #settle(reply: OnnxReply): void {
    const waiting = this.#waiting.get(reply.call);
    this.#waiting.delete(reply.call);
    if (this.#waiting.size === 0) {
      this.#worker.unref();
      if (this.#isDisposed) this.#end();
    }
    if (reply.kind === "failed") waiting?.reject(new OnnxRuntimeError(reply.reason));
    else waiting?.resolve(reply);
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** A session of one worker, and where its outputs go. */
interface SessionPlace {
  readonly host: OnnxHost;
  readonly session: Promise<number>;
  readonly fetches: Readonly<Record<string, OnnxFeed | null>>;
  /** Runs that are under way. */
  running: number;
}

/** Memory that the worker writes an output into, run after run. */
function sharedOutput(graph: Graph, name: string): OnnxFeed {
  const { dtype, dims } = graph.values[present(graph.outputs[name], `output ${name}`)];
  const shape = dims.map((d) => d.capacity);
  const memory = new SharedArrayBuffer(4 * sizeOf(shape));
  return { data: dtype === "i32" ? new Int32Array(memory) : new Float32Array(memory), shape };
}

class OnnxExecutable implements Executable {
  readonly label: string;
  readonly workspaceBytes = 0;
  readonly #graph: Graph;
  readonly #weights: Readonly<Record<string, OnnxWeight>>;
  readonly #model: EmittedModel;
  readonly #places: readonly SessionPlace[];
  #isDisposed = false;

  constructor(graph: Graph, options: LowerOptions, hosts: readonly OnnxHost[]) {
    this.label = options.label ?? "graph";
    this.#graph = graph;
    const weights: Record<string, OnnxWeight> = {};
    for (const name of Object.keys(graph.weights)) {
      const weight = options.weights[name];
      if (!(weight instanceof OnnxWeight))
        throw new BindingError(`${this.label}: weight "${name}" was not uploaded here`);
      weight.check();
      weights[name] = weight;
    }
    this.#weights = weights;
    this.#model = emitModel(graph, options);
    const reused = options.reusedOutputs ?? [];
    this.#places = hosts.map((host) => ({
      host,
      session: host.load(this.#model.bytes),
      fetches: Object.fromEntries(
        Object.entries(this.#model.fetches).map(([name, port]) => [
          port,
          reused.includes(name) ? sharedOutput(graph, name) : null,
        ]),
      ),
      running: 0,
    }));
    // told to whoever runs first; nobody may ever run
    for (const { session } of this.#places) session.catch(() => {});
  }

  async run({ extents = {}, inputs = {} }: RunBindings): Promise<RunResult> {
    if (this.#isDisposed) throw new DisposedError(this.label, "used");
    for (const [slot, capacity] of Object.entries(slotsOf(this.#graph))) {
      if (extents[slot] !== undefined && extents[slot] !== capacity) {
        throw new BindingError(
          `${this.label}: extent "${slot}" is ${extents[slot]}, but ONNX runs take ${capacity} exactly`,
        );
      }
    }
    const feeds = this.#feeds(inputs);
    const place = this.#places.reduce((least, next) => (next.running < least.running ? next : least));
    place.running++;
    let outputs: Readonly<Record<string, OnnxData>>;
    try {
      outputs = await place.host.run(await place.session, feeds, place.fetches);
    } finally {
      place.running--;
    }
    const result: Record<string, OnnxData> = {};
    for (const [name, port] of Object.entries(this.#model.fetches))
      result[name] = present(place.fetches[port]?.data ?? outputs[port], `output ${name}`);
    return result;
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError(this.label, "disposed again");
    this.#isDisposed = true;
    for (const { host, session } of this.#places) session.then((loaded) => host.drop(loaded)).catch(() => {});
  }

  #feeds(inputs: NonNullable<RunBindings["inputs"]>): Readonly<Record<string, OnnxFeed>> {
    const feeds: Record<string, OnnxFeed> = {};
    for (const [name, id] of Object.entries(this.#graph.inputs)) {
      const shape = this.#graph.values[id].dims.map((d) => d.capacity);
      const data = inputs[name];
      if (data === undefined) throw new BindingError(`${this.label}: input "${name}" was not given`);
      if (data.length !== sizeOf(shape)) {
        throw new BindingError(
          `${this.label}: input "${name}" has ${data.length} elements instead of ${sizeOf(shape)}`,
        );
      }
      feeds[this.#model.feeds[name]] = { data, shape };
    }
    for (const [name, weight] of Object.entries(this.#weights)) {
      feeds[this.#model.feeds[name]] = { data: weight.values, shape: weight.shape };
    }
    return feeds;
  }
}
