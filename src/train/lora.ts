import { ArgumentError } from "../base/errors.ts";
import { present } from "../base/invariant.ts";
import { seededRandom } from "../base/random.ts";
import { type Dim, dim } from "../tensor/dim.ts";
import type { Graph, Node, Value, ValueId } from "../tensor/graph.ts";
import { type Recording, startRecording } from "../tensor/recorder.ts";
import type { AnyTensor } from "../tensor/tensor.ts";
import { droppedInput } from "./lora-dropout.ts";

/** Low-rank adapters (arXiv 2106.09685) in PEFT's terms. */
export interface LoraOptions {
  readonly rank: number;
  readonly alpha: number;
  /** Modules that get an adapter: the whole name without ".weight" must match, as PEFT's `re.fullmatch` asks. */
  readonly targets: RegExp;
  /** Modules trained in full beside the adapters, by their last name or the first of their path. */
  readonly modulesToSave: readonly string[];
  /** Chance of an element of an adapter's input to be dropped in training; 0 where absent. */
  readonly dropout?: number;
}

/** Settings of the official fine-tuning script. */
export const OFFICIAL_LORA: LoraOptions = {
  rank: 64,
  alpha: 64,
  targets: /llm\..*layers\.\d+\.self_attn\.(q_proj|k_proj|v_proj|o_proj)/,
  modulesToSave: ["embed_tokens", "resampler"],
  dropout: 0.05,
};

const DOWN = ".lora_A.weight";
const UP = ".lora_B.weight";

/** True where `name` belongs to the adapters. */
export function isLoraWeight(name: string): boolean {
  return name.endsWith(DOWN) || name.endsWith(UP);
}

/** Names of a module's two factors. */
export function loraNames(module: string): { readonly down: string; readonly up: string } {
  return { down: module + DOWN, up: module + UP };
}

/** True where a weight's module is one of `modulesToSave`. */
export function isSavedModule(name: string, { modulesToSave }: Pick<LoraOptions, "modulesToSave">): boolean {
  const path = name.split(".");
  return modulesToSave.some((module) => path.includes(module));
}

/** What trains under LoRA: the adapters and the saved modules. */
export function isLoraTrainable(name: string, options: LoraOptions): boolean {
  return isLoraWeight(name) || isSavedModule(name, options);
}

/**
 * The graph with y = x Wᵀ + (α / r) (x Aᵀ) Bᵀ in place of y = x Wᵀ for every target, A [r, in] and B [out, r] being weights of
 * their own. While training, x is dropped out on that way as `dropout` says (`dropoutInputs` gives the masks); an evaluation
 * leaves `isTraining` out. Throws ArgumentError where nothing matches.
 */
export function withLora(
  graph: Graph,
  given: LoraOptions,
  { isTraining = false }: { readonly isTraining?: boolean } = {},
): Graph {
  const options = isTraining ? given : { ...given, dropout: 0 };
  const recording = startRecording();
  const known = new Map<ValueId, AnyTensor>();
  for (const value of graph.values) if (value.kind !== "temp") known.set(value.id, leaf(recording, value));
  let adapted = 0;
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => present(known.get(id), `value ${id}`));
    const outputs = recording.emit(node.op, inputs, node.attributes, node.dims);
    for (const [i, id] of node.outputs.entries()) known.set(id, outputs[i]);
    const module = targetOf(graph, node, options.targets);
    if (module === undefined) continue;
    adapted++;
    known.set(node.outputs[0], adapt(recording, { module, inputs, output: outputs[0], options }));
  }
  if (adapted === 0) {
    throw new ArgumentError(
      `No linear map of the graph is called ${options.targets.source}.`,
      "Check the target pattern against the weight names of the model.",
    );
  }
  const find = (id: ValueId): AnyTensor => present(known.get(id), `value ${id}`);
  for (const [name, { to }] of Object.entries(graph.states)) recording.ops.update(name, find(to));
  for (const [name, id] of Object.entries(graph.outputs)) recording.ops.output(name, find(id));
  const taps = Object.fromEntries(Object.entries(graph.taps).map(([name, id]) => [name, find(id).id]));
  return { ...recording.graph, taps };
}

function leaf({ ops }: Recording, { kind, name, dtype, dims }: Value): AnyTensor {
  const called = present(name, "the name of a leaf");
  if (kind === "weight") return ops.weight(called, ...dims);
  return kind === "state" ? ops.state(called, dtype, ...dims) : ops.input(called, dtype, ...dims);
}

function targetOf(graph: Graph, { op, inputs }: Node, targets: RegExp): string | undefined {
  if (op !== "linear") return undefined;
  const { kind, name } = graph.values[inputs[1]];
  if (kind !== "weight" || name === undefined || !name.endsWith(".weight")) return undefined;
  const module = name.slice(0, -".weight".length);
  return new RegExp(`^(?:${targets.source})$`, targets.flags).test(module) ? module : undefined;
}

interface Adapted {
  readonly module: string;
  readonly inputs: readonly AnyTensor[];
  readonly output: AnyTensor;
  readonly options: LoraOptions;
}

function adapt(recording: Recording, { module, inputs: [x, weight], output, options }: Adapted): AnyTensor {
  const { ops, emit } = recording;
  const [out, into] = weight.dims;
  const rank: Dim = dim("Z", options.rank);
  const names = loraNames(module);
  const { dropout = 0 } = options;
  const [low] = emit("linear", [
    dropout === 0 ? x : droppedInput(recording, module, x),
    ops.weight(names.down, rank, into),
  ]);
  const [high] = emit("linear", [low, ops.weight(names.up, out, rank)]);
  const [scaled] = emit("scale", [high], { factor: options.alpha / options.rank });
  return emit("binary", [output, scaled], { kind: "add" })[0];
}

/** A as PEFT starts it (uniform within ±1/√in), B zero: the adapted model starts as the model it adapts. */
export function initialiseLora(graph: Graph, seed: number): Readonly<Record<string, Float32Array<ArrayBuffer>>> {
  const weights: Record<string, Float32Array<ArrayBuffer>> = {};
  const names = Object.keys(graph.weights).filter(isLoraWeight).sort();
  for (const [index, name] of names.entries()) {
    const [rows, columns] = graph.values[graph.weights[name]].dims.map((d) => d.capacity);
    const random = seededRandom(seed * 6007 + index);
    const bound = 1 / Math.sqrt(columns);
    weights[name] = name.endsWith(UP)
      ? new Float32Array(rows * columns)
      : Float32Array.from({ length: rows * columns }, () => (2 * random.next() - 1) * bound);
  }
  return weights;
}

/** W + (α / r) B A for every adapted weight, in double; the adapters are gone from the result. */
export function mergeLora(
  weights: Readonly<Record<string, Float32Array>>,
  { rank, alpha }: Pick<LoraOptions, "rank" | "alpha">,
): Record<string, Float32Array> {
  const merged: Record<string, Float32Array> = {};
  for (const [name, values] of Object.entries(weights)) {
    if (isLoraWeight(name)) continue;
    const names = loraNames(name.replace(/\.weight$/, ""));
    const [down, up] = [weights[names.down], weights[names.up]];
    merged[name] = down === undefined || up === undefined ? values : plusProduct(values, { down, up, rank, alpha });
  }
  return merged;
}

interface Factors {
  readonly down: Float32Array;
  readonly up: Float32Array;
  readonly rank: number;
  readonly alpha: number;
}

function plusProduct(values: Float32Array, { down, up, rank, alpha }: Factors): Float32Array {
  const columns = down.length / rank;
  return Float32Array.from(values, (value, i) => {
    const row = Math.floor(i / columns);
    const column = i % columns;
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += up[row * rank + k] * down[k * columns + column];
    return value + (alpha / rank) * sum;
  });
}
