import { gatedMlp } from "../../../src/nn/gated-mlp.ts";
import type { Axes, Axis } from "../../../src/tensor/axis.ts";
import { dim } from "../../../src/tensor/dim.ts";
import type { DimsOf, Ops } from "../../../src/tensor/ops.ts";
import type { Tensor } from "../../../src/tensor/tensor.ts";
import { dpoLoss, sequenceLogProbability } from "../../../src/train/losses.ts";

/** A tensor of a recorded case, row-major. */
interface Recorded {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** One recorded case of reference/autograd.py. */
export interface GoldenCase {
  readonly attributes: Readonly<Record<string, number | string | boolean | readonly number[]>>;
  readonly inputs: Readonly<Record<string, Recorded>>;
  readonly output: Recorded;
  readonly upstream: Recorded;
  readonly gradients: Readonly<Record<string, Recorded>>;
}

/** Records the operation of a case with the inputs it names as weights; integer inputs are put into `inputs`. */
type Model = (ops: Ops, golden: GoldenCase, inputs: Record<string, ArrayLike<number>>) => void;

const numberOf = (golden: GoldenCase, name: string): number => Number(golden.attributes[name]);

/** A recorded input as a weight, its axes named. */
function leaf<A extends Axes>(ops: Ops, golden: GoldenCase, name: string, ...axes: A): Tensor<A> {
  const { shape } = golden.inputs[name];
  const dims = axes.map((axis: Axis, i) => dim(axis, shape[i]));
  return ops.weight<A>(name, ...(dims as unknown as DimsOf<A>));
}

/** Names the output and the loss Σ output · upstream. */
function finish<A extends Axes>(ops: Ops, output: Tensor<A>): void {
  ops.output("output", output);
  const upstream = ops.input<A>("upstream", "f32", ...(output.dims as unknown as DimsOf<A>));
  ops.output("loss", ops.sumAll(ops.multiply(output, upstream)));
}

const unary =
  (kind: "gelu" | "geluErf" | "silu"): Model =>
  (ops, golden) =>
    finish(ops, ops[kind](leaf(ops, golden, "x", "T", "D")));

/** [T, heads, C] of a recording as [heads, T, C]. */
function heads<H extends Axis, N extends Axis>(
  ops: Ops,
  golden: GoldenCase,
  { name, axis, rows }: { readonly name: string; readonly axis: H; readonly rows: N },
): Tensor<[H, N, "C"]> {
  const [count, headCount, width] = golden.inputs[name].shape;
  const flat = ops.weight<[N, "A"]>(name, ...([dim(rows, count), dim("A", headCount * width)] as DimsOf<[N, "A"]>));
  return ops.splitHeads(flat, dim(axis, headCount), dim("C", width));
}

function merged(ops: Ops, x: Tensor<["H", "T", "C"]>): Tensor<["T", "A"]> {
  const [h, , c] = x.dims;
  return ops.mergeHeads(x, dim("A", h.capacity * c.capacity));
}

function spansOf(golden: GoldenCase, rows: number, keys: number): readonly number[] {
  const mask = String(golden.attributes.mask);
  const starts = (golden.attributes.segmentStarts ?? [0]) as readonly number[];
  return Array.from({ length: rows }, (_, t) => {
    const begin = Math.max(...starts.filter((start) => start <= t));
    const end = Math.min(keys, ...starts.filter((start) => start > t));
    const isCausal = mask.toLowerCase().includes("causal");
    return [begin, isCausal ? t + 1 : end];
  }).flat();
}

/** Targets with the ignored ones made harmless, and a weight for each row. */
function targetsOf(golden: GoldenCase): { readonly targets: readonly number[]; readonly kept: readonly number[] } {
  const ignore = numberOf(golden, "ignore");
  const { data } = golden.inputs.targets;
  return { targets: data.map((t) => (t === ignore ? 0 : t)), kept: data.map((t) => (t === ignore ? 0 : 1)) };
}

/** Loss of operations whose recorded output is a single number. */
function finishScalar(ops: Ops, output: Tensor<[]>): void {
  ops.output("output", output);
  ops.output("loss", output);
}

/** How each recorded operation is written with our ops. */
export const MODELS: Readonly<Record<string, Model>> = {
  linear: (ops, golden) => {
    const weight = leaf(ops, golden, "weight", "F", "D");
    const bias = golden.inputs.bias === undefined ? {} : { bias: leaf(ops, golden, "bias", "F") };
    finish(ops, ops.linear(leaf(ops, golden, "x", "T", "D"), { weight, ...bias }));
  },
  "layer-norm": (ops, golden) => {
    const norm = { weight: leaf(ops, golden, "weight", "D"), bias: leaf(ops, golden, "bias", "D") };
    finish(ops, ops.layerNorm(leaf(ops, golden, "x", "T", "D"), norm, numberOf(golden, "epsilon")));
  },
  "rms-norm": (ops, golden) => {
    const weight = leaf(ops, golden, "weight", "D");
    finish(ops, ops.rmsNorm(leaf(ops, golden, "x", "T", "D"), weight, numberOf(golden, "epsilon")));
  },
  "gelu-tanh": unary("gelu"),
  "gelu-erf": unary("geluErf"),
  silu: unary("silu"),
  "gated-mlp": (ops, golden) => {
    const map = {
      gate: { weight: leaf(ops, golden, "gate", "F", "D") },
      up: { weight: leaf(ops, golden, "up", "F", "D") },
      down: { weight: leaf(ops, golden, "down", "D", "F") },
    };
    finish(ops, gatedMlp(ops, map, leaf(ops, golden, "x", "T", "D")));
  },
  attention: (ops, golden, inputs) => {
    const q = heads(ops, golden, { name: "q", axis: "H", rows: "T" });
    const k = heads(ops, golden, { name: "k", axis: "G", rows: "P" });
    const v = heads(ops, golden, { name: "v", axis: "G", rows: "P" });
    const [, T] = q.dims;
    inputs.spans = spansOf(golden, T.capacity, k.dims[1].capacity);
    const spans = ops.input<["T", "Y"]>("spans", "i32", dim("T", T.capacity), dim("Y", 2));
    finish(ops, merged(ops, ops.attention(q, k, v, { spans, scale: numberOf(golden, "scale") })));
  },
  rotary: (ops, golden, inputs) => {
    const x = heads(ops, golden, { name: "x", axis: "H", rows: "T" });
    const width = numberOf(golden, "width");
    const theta = numberOf(golden, "theta");
    inputs.positions = golden.inputs.positions.data;
    const positions = ops.input<["T"]>("positions", "i32", dim("T", x.dims[1].capacity));
    const inverseFrequencies = Array.from({ length: width / 2 }, (_, i) => theta ** ((-2 * i) / width));
    finish(ops, merged(ops, ops.rotary(x, positions, { inverseFrequencies, pairing: "half" })));
  },
  embedding: (ops, golden, inputs) => {
    inputs.ids = golden.inputs.ids.data;
    const ids = ops.input<["T"]>("ids", "i32", dim("T", golden.inputs.ids.shape[0]));
    finish(ops, ops.gatherRows(leaf(ops, golden, "table", "V", "D"), ids));
  },
  splice: (ops, golden, inputs) => {
    inputs.at = golden.inputs.at.data;
    const rows = leaf(ops, golden, "rows", "R", "D");
    const at = ops.input<["R"]>("at", "i32", dim("R", golden.inputs.at.shape[0]));
    finish(ops, ops.spliceRows(leaf(ops, golden, "x", "T", "D"), rows, at));
  },
  "cross-entropy": (ops, golden, inputs) => {
    const { targets, kept } = targetsOf(golden);
    const given = (golden.attributes.weights ?? kept) as readonly number[];
    const used = given.map((weight, t) => weight * kept[t]);
    const total = used.reduce((sum, weight) => sum + weight, 0);
    inputs.targets = targets;
    inputs.weights = used.map((weight) => weight / total);
    const logits = leaf(ops, golden, "logits", "T", "V");
    const T = dim("T", targets.length);
    finishScalar(
      ops,
      ops.crossEntropy(logits, ops.input<["T"]>("targets", "i32", T), ops.input<["T"]>("weights", "f32", T)),
    );
  },
  "sequence-log-prob": (ops, golden, inputs) => {
    const { targets, kept } = targetsOf(golden);
    inputs.targets = targets;
    inputs.mask = kept;
    inputs.spans = [0, targets.length];
    const T = dim("T", targets.length);
    const rows = {
      logits: leaf(ops, golden, "logits", "T", "V"),
      targets: ops.input<["T"]>("targets", "i32", T),
      mask: ops.input<["T"]>("mask", "f32", T),
    };
    const spans = ops.input<["B", "Y"]>("spans", "i32", dim("B", 1), dim("Y", 2));
    finishScalar(ops, ops.sumAll(sequenceLogProbability(ops, rows, spans)));
  },
  dpo: (ops, golden) => {
    const losses = dpoLoss(
      ops,
      {
        chosen: leaf(ops, golden, "policyChosen", "B"),
        rejected: leaf(ops, golden, "policyRejected", "B"),
        referenceChosen: leaf(ops, golden, "referenceChosen", "B"),
        referenceRejected: leaf(ops, golden, "referenceRejected", "B"),
      },
      numberOf(golden, "beta"),
    );
    finishScalar(ops, ops.scale(ops.sumAll(losses), 1 / losses.dims[0].capacity));
  },
};
