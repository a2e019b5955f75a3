import { ArgumentError } from "../base/errors.ts";
import type { Axes } from "./axis.ts";
import type { Emit } from "./definition.ts";
import { DEFINITIONS, type OpName } from "./definitions.ts";
import { type Dim, describeDims, sameDim } from "./dim.ts";
import type { DType } from "./dtype.ts";
import { DTypeError, ShapeError } from "./errors.ts";
import type { BinaryKind, UnaryKind } from "./functions.ts";
import type { Attributes, Graph, Node, Value, ValueId, ValueKind } from "./graph.ts";
import type { Ops } from "./ops.ts";
import type { AnyTensor, Tensor } from "./tensor.ts";

/** Graph under construction. `emit` is the untyped floor that autograd uses; models see `Ops`. */
export interface Recording {
  readonly ops: Ops;
  readonly emit: Emit;
  readonly graph: Graph;
}

/** Records what `model` asks for. Shapes are checked here; throws ShapeError or DTypeError naming what met. */
export function record(model: (ops: Ops) => void): Graph {
  const recording = startRecording();
  model(recording.ops);
  return recording.graph;
}

/** Starts an empty recording, or one that goes on after `graph`. */
export function startRecording(graph?: Graph): Recording {
  const building: Building = graph === undefined ? emptyGraph() : copyGraph(graph);
  const emit: Emit = (op, inputs, attributes = {}, dims = []) => emitNode(building, { op, inputs, attributes, dims });
  return { emit, graph: building, ops: makeOps(building, emit) };
}

interface Building {
  readonly values: Value[];
  readonly nodes: Node[];
  readonly inputs: Record<string, ValueId>;
  readonly weights: Record<string, ValueId>;
  readonly states: Record<string, { from: ValueId; to: ValueId }>;
  readonly outputs: Record<string, ValueId>;
  readonly taps: Record<string, ValueId>;
}

function emptyGraph(): Building {
  return { values: [], nodes: [], inputs: {}, weights: {}, states: {}, outputs: {}, taps: {} };
}

function copyGraph(graph: Graph): Building {
  return {
    values: [...graph.values],
    nodes: [...graph.nodes],
    inputs: { ...graph.inputs },
    weights: { ...graph.weights },
    states: { ...graph.states },
    outputs: { ...graph.outputs },
    taps: { ...graph.taps },
  };
}

interface NewNode {
  readonly op: OpName;
  readonly inputs: readonly AnyTensor[];
  readonly attributes: Attributes;
  readonly dims: readonly Dim[];
}

function emitNode(building: Building, call: NewNode): readonly AnyTensor[] {
  for (const input of call.inputs) {
    if (building.values[input.id]?.dims !== input.dims) {
      throw new ArgumentError(
        `${call.op}: an input ${describeDims(input.dims)} belongs to another graph.`,
        "Record both sides within one call of record().",
      );
    }
  }
  const outputs = DEFINITIONS[call.op]
    .infer(call)
    .map(({ dims, dtype }) => addValue(building, { kind: "temp", dtype, dims }));
  building.nodes.push({
    op: call.op,
    attributes: call.attributes,
    inputs: call.inputs.map((t) => t.id),
    outputs: outputs.map((t) => t.id),
    dims: call.dims,
  });
  return outputs;
}

function addValue(building: Building, value: Omit<Value, "id">): AnyTensor {
  const id = building.values.length;
  building.values.push({ id, ...value });
  return { id, dims: value.dims, dtype: value.dtype };
}

/** The value itself stands for its tensor: same id, dims and dtype. The axes were checked by whoever recorded it. */
function typed<A extends Axes>(tensor: AnyTensor): Tensor<A> {
  return tensor as Tensor<A>;
}

interface Leaf {
  readonly kind: ValueKind;
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly Dim[];
}

function leaf(building: Building, names: Record<string, ValueId>, { kind, name, dtype, dims }: Leaf): AnyTensor {
  const known = names[name];
  if (known === undefined) {
    const made = addValue(building, { kind, name, dtype, dims });
    names[name] = made.id;
    return made;
  }
  const value = building.values[known];
  if (value.dtype !== dtype) throw new DTypeError(kind, `"${name}"`, value.dtype, dtype);
  if (value.dims.length !== dims.length || !value.dims.every((d, i) => sameDim(d, dims[i]))) {
    throw new ShapeError(kind, `"${name}" was ${describeDims(value.dims)} and is now ${describeDims(dims)}`);
  }
  return value;
}

function makeOps(building: Building, emit: Emit): Ops {
  const one: EmitOne = (...call) => typed(emit(...call)[0]);
  return {
    ...leafOps(building),
    ...elementwiseOps(one),
    ...mapOps(one),
    ...headOps(emit, one),
    ...rowOps(one),
    ...recurrentOps(emit),
    crossEntropy: (logits, targets, weights) => one("crossEntropy", [logits, targets, weights]),
    tokenLogProbability: (logits, targets) => one("tokenLogProbability", [logits, targets]),
    spanSum: (x, spans) => one("spanSum", [x, spans]),
  };
}

/** Records an op with one output. */
type EmitOne = <A extends Axes>(...call: Parameters<Emit>) => Tensor<A>;

function leafOps(building: Building): Pick<Ops, "weight" | "input" | "state" | "update" | "output" | "tap"> {
  return {
    weight: (name, ...dims) => typed(leaf(building, building.weights, { kind: "weight", name, dtype: "f32", dims })),
    input: (name, dtype, ...dims) => typed(leaf(building, building.inputs, { kind: "input", name, dtype, dims })),
    state: (name, dtype, ...dims) => {
      const known = building.states[name];
      const ids: Record<string, ValueId> = known === undefined ? {} : { [name]: known.from };
      const value = leaf(building, ids, { kind: "state", name, dtype, dims });
      building.states[name] = known ?? { from: value.id, to: value.id };
      return typed(value);
    },
    update: (name, value) => {
      const known = building.states[name];
      if (known === undefined) {
        throw new ArgumentError(`update: there is no state "${name}".`, "Declare it with ops.state first.");
      }
      building.states[name] = { from: known.from, to: value.id };
    },
    output: (name, value) => {
      building.outputs[name] = value.id;
    },
    tap: (name, value) => {
      building.taps[name] = value.id;
      return value;
    },
  };
}

type Elementwise = "add" | "subtract" | "multiply" | "scale" | "addRow" | "multiplyRow" | UnaryOp | "sumAll";
type UnaryOp = "gelu" | "geluErf" | "silu" | "sigmoid" | "softplus";

function elementwiseOps(one: EmitOne): Pick<Ops, Elementwise> {
  const unary = <A extends Axes>(kind: UnaryKind, x: Tensor<A>): Tensor<A> => one<A>("unary", [x], { kind });
  const binary = <A extends Axes>(kind: BinaryKind, a: Tensor<A>, b: Tensor<A>): Tensor<A> =>
    one<A>("binary", [a, b], { kind });
  return {
    add: (a, b) => binary("add", a, b),
    subtract: (a, b) => binary("subtract", a, b),
    multiply: (a, b) => binary("multiply", a, b),
    scale: (x, factor) => one("scale", [x], { factor }),
    addRow: (x, row) => one("rowwise", [x, row], { kind: "add" }),
    multiplyRow: (x, row) => one("rowwise", [x, row], { kind: "multiply" }),
    gelu: (x) => unary("gelu", x),
    geluErf: (x) => unary("geluErf", x),
    silu: (x) => unary("silu", x),
    sigmoid: (x) => unary("sigmoid", x),
    softplus: (x) => unary("softplus", x),
    sumAll: (x) => one("sumAll", [x]),
  };
}

function mapOps(one: EmitOne): Pick<Ops, "linear" | "transposedLinear" | "layerNorm" | "rmsNorm" | "l2Norm"> {
  return {
    linear: (x, { weight, bias }) => one("linear", bias === undefined ? [x, weight] : [x, weight, bias]),
    transposedLinear: (x, { transposedWeight }) => one("transposedLinear", [x, transposedWeight]),
    layerNorm: (x, { weight, bias }, eps) => one("layerNorm", [x, weight, bias], { eps }),
    rmsNorm: (x, weight, eps) => one("rmsNorm", [x, weight], { eps }),
    l2Norm: (x, eps) => one("l2Norm", [x], { eps }),
  };
}

type HeadOps = "splitHeads" | "mergeHeads" | "splitColumns" | "splitThree" | "joinColumns" | "rotary" | Attention;
type Attention = "attention" | "append" | "attentionCached";

function headOps(emit: Emit, one: EmitOne): Pick<Ops, HeadOps> {
  return {
    splitHeads: (x, heads, width) => one("splitHeads", [x], {}, [heads, width]),
    mergeHeads: (x, width) => one("mergeHeads", [x], {}, [width]),
    splitColumns: (x, parts) => {
      const [a, b] = emit("splitColumns", [x], {}, parts);
      return [typed(a), typed(b)];
    },
    splitThree: (x, parts) => {
      const [a, b, c] = emit("splitColumns", [x], {}, parts);
      return [typed(a), typed(b), typed(c)];
    },
    joinColumns: (a, b, width) => one("concatColumns", [a, b], {}, [width]),
    rotary: (x, positions, { inverseFrequencies, pairing }) =>
      one("rotary", [x, positions], { inverseFrequencies, pairing, isInverse: false }),
    attention: (q, k, v, { spans, scale }) => one("attention", [q, k, v, spans], { scale }),
    append: (cache, rows, slots) => one("appendRows", [cache, rows, slots], { isHalf: cache.dtype === "f16" }),
    attentionCached: (q, { keys, values, table, rows, scale, pageSize }) =>
      one("attentionCached", [q, keys, values, table, rows], { scale, pageSize }),
  };
}

function rowOps(one: EmitOne): Pick<Ops, "gatherRows" | "spliceRows" | "foldRows" | "meanRows" | "argmax"> {
  return {
    gatherRows: (table, ids) => one("gatherRows", [table, ids]),
    spliceRows: (x, rows, at) => one("spliceRows", [x, rows, at]),
    foldRows: (x, rows, width) => one("foldRows", [x], {}, [rows, width]),
    meanRows: (x, rows, count) => one("meanRows", [x], { count }, [rows]),
    argmax: (x) => one("argmax", [x]),
  };
}

function recurrentOps(emit: Emit): Pick<Ops, "causalConv" | "deltaNet"> {
  return {
    causalConv: (x, weight, history, sequence) => {
      const [output, state] = emit("causalConv", [x, weight, history, sequence]);
      return { output: typed(output), state: typed(state) };
    },
    deltaNet: ({ q, k, v, decay, beta, state, sequence }) => {
      const [output, next] = emit("deltaNet", [q, k, v, decay, beta, state, sequence]);
      return { output: typed(output), state: typed(next) };
    },
  };
}
