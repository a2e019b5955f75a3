import { InvariantError } from "../base/errors.ts";
import type { OpName } from "./definitions.ts";
import { type Dim, describeDims, sameDim, sameLength } from "./dim.ts";
import type { DType } from "./dtype.ts";
import { DTypeError, ShapeError } from "./errors.ts";
import type { Attributes } from "./graph.ts";
import type { AnyTensor } from "./tensor.ts";

/** Dims and element type that an op gives one of its outputs. */
export interface OutputType {
  readonly dims: readonly Dim[];
  readonly dtype: DType;
}

/** An op about to be recorded. */
export interface Call {
  readonly op: OpName;
  readonly inputs: readonly AnyTensor[];
  readonly attributes: Attributes;
  readonly dims: readonly Dim[];
}

/** A dense float64 array, outermost axis first: what the oracle computes with. Integers are kept as doubles. */
export interface ReferenceArray {
  readonly extents: readonly number[];
  readonly data: Float64Array;
}

/** An op about to be interpreted: inputs with their run-time lengths, and the lengths its outputs will have. */
export interface ReferenceCall {
  readonly inputs: readonly ReferenceArray[];
  readonly attributes: Attributes;
  readonly outputs: readonly (readonly number[])[];
}

/** Lengths of inputs and outputs, for counting work. */
export interface ShapedCall {
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
}

/** Records one op and returns its outputs; the untyped floor below `Ops`. */
export type Emit = (
  op: OpName,
  inputs: readonly AnyTensor[],
  attributes?: Attributes,
  dims?: readonly Dim[],
) => readonly AnyTensor[];

/** A recorded op whose derivative is wanted. */
export interface VjpCall extends Call {
  readonly outputs: readonly AnyTensor[];
  /** Gradient of each output; absent where the loss does not depend on it. */
  readonly gradients: readonly (AnyTensor | undefined)[];
  /** Whether input i's gradient is wanted. */
  readonly wanted: readonly boolean[];
}

/** Gradient of each input, absent where it is zero or unwanted. Written with ops, so that it runs wherever they run. */
export type Vjp = (emit: Emit, call: VjpCall) => readonly (AnyTensor | undefined)[];

/** Why an op has no derivative. */
export interface Nondifferentiable {
  readonly nondifferentiable: string;
}

/** Everything known about one op, in one place. Backends add a kernel or `unsupported("why")`. */
export interface OpDefinition {
  /** The equation, for docs/ops.md. */
  readonly equation: string;
  /** "state" ops update a cache or a recurrent state that outlives the replay. */
  readonly effect: "pure" | "state";
  readonly infer: (call: Call) => readonly OutputType[];
  /** Multiply-adds count two. */
  readonly flops: (call: ShapedCall) => number;
  /** Float64 interpretation, plain loops. */
  readonly reference: (call: ReferenceCall) => readonly Float64Array[];
  readonly vjp: Vjp | Nondifferentiable;
}

/** A numeric attribute. Throws InvariantError when the recorder left it out. */
export function numberAttribute(attributes: Attributes, name: string): number {
  const value = attributes[name];
  if (typeof value !== "number")
    throw new InvariantError(`attribute ${name} is ${JSON.stringify(value)}, not a number.`);
  return value;
}

/** A string attribute. Throws InvariantError when the recorder left it out. */
export function stringAttribute(attributes: Attributes, name: string): string {
  const value = attributes[name];
  if (typeof value !== "string")
    throw new InvariantError(`attribute ${name} is ${JSON.stringify(value)}, not a string.`);
  return value;
}

/** A list attribute. Throws InvariantError when the recorder left it out. */
export function numbersAttribute(attributes: Attributes, name: string): readonly number[] {
  const value = attributes[name];
  if (typeof value !== "object") throw new InvariantError(`attribute ${name} is ${JSON.stringify(value)}, not a list.`);
  return value;
}

/** Checks that an operand has `rank` axes. Throws ShapeError. */
export function needRank(call: Call, index: number, what: string, rank: number): void {
  const { dims } = call.inputs[index];
  if (dims.length !== rank) throw ShapeError.rank(call.op, what, rank, dims);
}

/** Checks an operand's element type. Throws DTypeError. */
export function needDType(call: Call, index: number, what: string, dtype: DType): void {
  const actual = call.inputs[index].dtype;
  if (actual !== dtype) throw new DTypeError(call.op, what, dtype, actual);
}

/** Checks that two dims are the same axis with the same capacity and slot. Throws ShapeError naming both. */
export function needDim(call: Call, what: string, expected: Dim, actual: Dim): void {
  if (!sameDim(expected, actual)) throw ShapeError.mismatch(call.op, what, expected, actual);
}

/** Checks that two dims have the same capacity and slot. Throws ShapeError naming both. */
export function needLength(call: Call, what: string, expected: Dim, actual: Dim): void {
  if (!sameLength(expected, actual)) throw ShapeError.mismatch(call.op, what, expected, actual);
}

/** Checks that two operands have the same dims. Throws ShapeError naming both. */
export function needSameDims(call: Call, what: string, a: readonly Dim[], b: readonly Dim[]): void {
  if (a.length !== b.length || !a.every((d, i) => sameDim(d, b[i]))) {
    throw new ShapeError(call.op, `${what} should be ${describeDims(a)} but is ${describeDims(b)}`);
  }
}

/** The innermost dim. Throws ShapeError for a scalar. */
export function lastDim(call: Call, index: number): Dim {
  const { dims } = call.inputs[index];
  if (dims.length === 0) throw ShapeError.rank(call.op, `input ${index}`, 1, dims);
  return dims[dims.length - 1];
}

/** Product of lengths. */
export function sizeOf(extents: readonly number[]): number {
  return extents.reduce((product, n) => product * n, 1);
}

/** Rows and width of an array seen as a matrix: every axis but the last makes rows. */
export function asMatrix(extents: readonly number[]): { readonly rows: number; readonly width: number } {
  const width = extents[extents.length - 1] ?? 1;
  return { rows: sizeOf(extents.slice(0, -1)), width };
}
