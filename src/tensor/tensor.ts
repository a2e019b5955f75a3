import type { Axes, Axis } from "./axis.ts";
import type { Dim } from "./dim.ts";
import type { DType } from "./dtype.ts";
import type { ValueId } from "./graph.ts";

declare const axes: unique symbol;

/** A value of the recorded graph, its axes unknown to the type checker. */
export interface AnyTensor {
  readonly id: ValueId;
  readonly dims: readonly Dim[];
  readonly dtype: DType;
}

/** A value of the recorded graph. `A` is erased at run time; it exists for the type checker and the reader. */
export interface Tensor<A extends Axes> extends AnyTensor {
  // invariant on purpose: a covariant brand would let [P,D] pass for [P|T,D]
  readonly [axes]: (axes: A) => A;
}

/** Affine map y = x Wᵀ + b. The weight may be stored quantised; only the backend knows. */
export interface Linear<In extends Axis, Out extends Axis> {
  readonly weight: Tensor<[Out, In]>;
  readonly bias?: Tensor<[Out]>;
}

/** Map y = x W, as checkpoints store the resampler's `proj`. A kind of its own, so that the two cannot be mixed up. */
export interface TransposedLinear<In extends Axis, Out extends Axis> {
  readonly transposedWeight: Tensor<[In, Out]>;
}

/** Scale and shift of a layer norm over axis `A`. */
export interface Norm<A extends Axis> {
  readonly weight: Tensor<[A]>;
  readonly bias: Tensor<[A]>;
}

/** Updated cache or recurrent state beside what was computed with it. */
export interface Stepped<Out extends Axes, State extends Axes> {
  readonly output: Tensor<Out>;
  readonly state: Tensor<State>;
}
