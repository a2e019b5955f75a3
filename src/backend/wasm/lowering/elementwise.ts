import { present } from "../../../base/invariant.ts";
import { numberAttribute, stringAttribute } from "../../../tensor/definition.ts";
import type { BinaryKind, UnaryKind } from "../../../tensor/functions.ts";
import type { Node } from "../../../tensor/graph.ts";
import { at, floatBits, type Place, rowsTimes } from "../place.ts";
import type { LoweringContext } from "./context.ts";
import { uniformRows } from "./uniform-rows.ts";

const UNARY_KERNELS: Readonly<Record<UnaryKind, string>> = {
  gelu: "geluTanh",
  geluErf: "geluErf",
  silu: "silu",
  sigmoid: "sigmoid",
  softplus: "softplus",
  exp: "exp",
  tanh: "tanh",
};

const BINARY_KERNELS: Readonly<Record<BinaryKind, string>> = { add: "add", subtract: "sub", multiply: "mul" };

// several vectors per thread, so that small rows are not cut into slivers
const ELEMENT_GRANULE = 1024;

const elementsOf = (place: Place) => rowsTimes(place, place.headCount * place.width);
const byElements = [{ begin: "begin", granule: ELEMENT_GRANULE }];

export function lowerUnary(c: LoweringContext, node: Node): void {
  // left to the product that is its only reader
  if (gateOf(c, node) !== undefined && isGateOfProduct(c, node)) return;
  const x = c.dense(node.inputs[0]);
  const y = c.outputOver(node, node.inputs[0]);
  const kernel = UNARY_KERNELS[stringAttribute(node.attributes, "kind") as UnaryKind];
  c.kernel(kernel, {
    arguments: { x: at(x), y: at(y), begin: 0, end: elementsOf(y) },
    splits: byElements,
    reads: [x],
    writes: [y],
  });
}

// kernels of gate(a) · b and of a · gate(b)
const GATED_PRODUCTS = { silu: "siluMul", sigmoid: "mulSigmoid" } as const;
type GateKind = keyof typeof GATED_PRODUCTS;

/** The kind of a gate node: a silu or sigmoid that nothing but one product reads. */
function gateOf(c: LoweringContext, node: Node | undefined): GateKind | undefined {
  if (node?.op !== "unary" || !c.hasOneReader(node.outputs[0])) return undefined;
  const kind = stringAttribute(node.attributes, "kind");
  return kind === "silu" || kind === "sigmoid" ? kind : undefined;
}

const isProduct = (node: Node): boolean => node.op === "binary" && node.attributes.kind === "multiply";

function isGateOfProduct(c: LoweringContext, gate: Node): boolean {
  const reader = c.readerOf(gate.outputs[0]);
  return reader !== undefined && isProduct(reader) && fusedGate(c, reader) === gate;
}

/** The gate that a product takes in: its first input that is one. */
function fusedGate(c: LoweringContext, product: Node): Node | undefined {
  return product.inputs.map((id) => c.makerOf(id)).find((maker) => gateOf(c, maker) !== undefined);
}

/** silu(a) · b and a · sigmoid(b) in one pass. */
function lowerGatedProduct(c: LoweringContext, node: Node, gate: Node): void {
  const kind = present(gateOf(c, gate), "the kind of a gate");
  const gated = c.dense(gate.inputs[0]);
  const other = c.dense(node.inputs[node.inputs[0] === gate.outputs[0] ? 1 : 0]);
  const [a, b] = kind === "silu" ? [gated, other] : [other, gated];
  const y = c.outputOver(node, gate.inputs[0]);
  c.kernel(GATED_PRODUCTS[kind], {
    arguments: { a: at(a), b: at(b), y: at(y), begin: 0, end: elementsOf(y) },
    splits: byElements,
    reads: [a, b],
    writes: [y],
  });
}

export function lowerBinary(c: LoweringContext, node: Node): void {
  const gate = isProduct(node) ? fusedGate(c, node) : undefined;
  if (gate !== undefined) {
    lowerGatedProduct(c, node, gate);
    return;
  }
  const a = c.dense(node.inputs[0]);
  const b = c.dense(node.inputs[1]);
  const y = c.output(node);
  const kernel = BINARY_KERNELS[stringAttribute(node.attributes, "kind") as BinaryKind];
  c.kernel(kernel, {
    arguments: { a: at(a), b: at(b), y: at(y), begin: 0, end: elementsOf(y) },
    splits: byElements,
    reads: [a, b],
    writes: [y],
  });
}

export function lowerScale(c: LoweringContext, node: Node): void {
  const x = c.dense(node.inputs[0]);
  const y = c.output(node);
  const factorBits = floatBits(numberAttribute(node.attributes, "factor"));
  c.kernel("scale", {
    arguments: { x: at(x), y: at(y), begin: 0, end: elementsOf(y), factorBits, offsetBits: 0 },
    splits: byElements,
    reads: [x],
    writes: [y],
  });
}

export function lowerRowwise(c: LoweringContext, node: Node): void {
  const a = c.dense(node.inputs[0]);
  const row = c.dense(node.inputs[1]);
  const y = c.output(node);
  c.kernel(stringAttribute(node.attributes, "kind") === "add" ? "addRow" : "mulRow", {
    arguments: { a: at(a), row: at(row), y: at(y), rowBegin: 0, rowEnd: rowsTimes(a, a.headCount), n: a.width },
    splits: [{ begin: "rowBegin", granule: 1 }],
    reads: [a, row],
    writes: [y],
  });
}

export function lowerNorm(c: LoweringContext, node: Node): void {
  const { x, stride } = uniformRows(c, node.inputs[0]);
  const parameters = node.inputs.slice(1).map((id) => c.dense(id));
  const y = c.output(node);
  const epsilonBits = floatBits(numberAttribute(node.attributes, "eps"));
  const [weight, bias] = parameters;
  const common = {
    x: at(x),
    xStride: stride,
    y: at(y),
    yStride: y.headCount === 1 ? y.rowStride : y.headStride,
    rowBegin: 0,
    rowEnd: rowsTimes(x, x.headCount),
    n: x.width,
    epsilonBits,
  };
  const splits = [{ begin: "rowBegin", granule: 1 }];
  const reads = [x, ...parameters];
  switch (node.op) {
    case "layerNorm":
      c.kernel("layerNorm", {
        arguments: { ...common, weight: at(weight), bias: at(bias) },
        splits,
        reads,
        writes: [y],
      });
      return;
    case "rmsNorm":
      c.kernel("rmsNorm", {
        arguments: { ...common, weight: at(weight), weightOffsetBits: 0 },
        splits,
        reads,
        writes: [y],
      });
      return;
    default:
      c.kernel("l2Norm", { arguments: { ...common, scaleBits: floatBits(1) }, splits, reads, writes: [y] });
  }
}
