import { ArgumentError } from "../base/errors.ts";
import type { Emit, OpDefinition } from "./definition.ts";
import { DEFINITIONS } from "./definitions.ts";
import { describeDims } from "./dim.ts";
import { NotDifferentiableError } from "./errors.ts";
import type { Graph, Node, ValueId } from "./graph.ts";
import { startRecording } from "./recorder.ts";
import type { AnyTensor } from "./tensor.ts";

/**
 * Reverse-mode derivative as a graph: `graph` with an output `grad:<name>` for each name in `wrt`.
 * `loss` names a scalar output; `wrt` names weights, or inputs for checks. The result takes one input more, `lossScale` [],
 * the derivative's seed: 1, or what accumulation and loss scaling ask for.
 * Throws ArgumentError for a loss that is no scalar, NotDifferentiableError where an op on the way has no derivative.
 */
export function grad(graph: Graph, loss: string, wrt: readonly string[]): Graph {
  const targets = wrt.map((name) => resolve(graph, name));
  const lossId = graph.outputs[loss];
  if (lossId === undefined || graph.values[lossId].dims.length !== 0) {
    const found = lossId === undefined ? "missing" : describeDims(graph.values[lossId].dims);
    throw new ArgumentError(`the loss "${loss}" is ${found}, not a scalar.`, "Sum it with ops.sumAll or crossEntropy.");
  }
  const needed = dependents(graph, targets);
  const recording = startRecording(graph);
  const gradients = new Map<ValueId, AnyTensor>();
  gradients.set(lossId, recording.ops.input("lossScale", "f32"));
  for (const node of [...graph.nodes].reverse()) {
    backward(recording.emit, graph, { node, needed, gradients });
  }
  for (const [i, name] of wrt.entries()) {
    const dims = graph.values[targets[i]].dims;
    const found = gradients.get(targets[i]);
    // a weight that the loss does not reach has gradient zero
    const value = found ?? zeros(recording.emit, gradients, { lossId, dims });
    recording.ops.output(`grad:${name}`, value);
  }
  return recording.graph;
}

interface Step {
  readonly node: Node;
  readonly needed: ReadonlySet<ValueId>;
  readonly gradients: Map<ValueId, AnyTensor>;
}

function backward(emit: Emit, graph: Graph, { node, needed, gradients }: Step): void {
  const incoming = node.outputs.map((id) => gradients.get(id));
  if (incoming.every((g) => g === undefined)) return;
  const wanted = node.inputs.map((id) => needed.has(id));
  if (!wanted.includes(true)) return;
  const { vjp }: OpDefinition = DEFINITIONS[node.op];
  if (typeof vjp !== "function") throw new NotDifferentiableError(node.op, vjp.nondifferentiable);
  const tensor = (id: ValueId): AnyTensor => graph.values[id];
  const results = vjp(emit, {
    op: node.op,
    inputs: node.inputs.map(tensor),
    outputs: node.outputs.map(tensor),
    attributes: node.attributes,
    dims: node.dims,
    gradients: incoming,
    wanted,
  });
  for (const [i, id] of node.inputs.entries()) {
    const result = results[i];
    if (result === undefined || !wanted[i]) continue;
    const earlier = gradients.get(id);
    gradients.set(id, earlier === undefined ? result : emit("binary", [earlier, result], { kind: "add" })[0]);
  }
}

/** Every value that some target reaches: only those need a gradient. */
function dependents(graph: Graph, targets: readonly ValueId[]): ReadonlySet<ValueId> {
  const reached = new Set<ValueId>(targets);
  for (const node of graph.nodes) {
    if (!node.inputs.some((id) => reached.has(id))) continue;
    for (const id of node.outputs) reached.add(id);
  }
  return reached;
}

function resolve(graph: Graph, name: string): ValueId {
  const id = graph.weights[name] ?? graph.inputs[name];
  if (id === undefined) {
    throw new ArgumentError(
      `grad: the graph has no weight or input "${name}".`,
      "Check the name against graph.weights.",
    );
  }
  return id;
}

interface Unreached {
  readonly lossId: ValueId;
  readonly dims: AnyTensor["dims"];
}

function zeros(emit: Emit, gradients: ReadonlyMap<ValueId, AnyTensor>, { lossId, dims }: Unreached): AnyTensor {
  const seed = gradients.get(lossId);
  if (seed === undefined) throw new ArgumentError("grad: the loss has no seed.", "Give a recorded scalar output.");
  const [zero] = emit("scale", [seed], { factor: 0 });
  return emit("broadcastAll", [zero], {}, dims)[0];
}
