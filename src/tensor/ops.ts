import type { Axes, Axis } from "./axis.ts";
import type { DimOf } from "./dim.ts";
import type { DType } from "./dtype.ts";
import type { AnyTensor, Linear, Norm, Stepped, Tensor, TransposedLinear } from "./tensor.ts";

/** What a rotary embedding rotates. */
export interface RotaryOptions {
  /** One per rotated pair, lowest pair first; the rest of the head stays as it is. */
  readonly inverseFrequencies: readonly number[];
  /** "half" pairs value i with i + n (Hugging Face); "adjacent" pairs 2i with 2i + 1 (llama.cpp's permuted rows). */
  readonly pairing: "half" | "adjacent";
}

/** Row spans and scale of an attention. */
export interface AttentionOptions<N extends Axis> {
  /** spans[n] = (begin, end): query row n sees keys begin ≤ m < end. */
  readonly spans: Tensor<[N, "Y"]>;
  /** Usually 1/√C. */
  readonly scale: number;
}

/** A paged cache as one step sees it. */
export interface CachedAttentionOptions<N extends Axis> {
  readonly keys: Tensor<["L", "G", "C"]>;
  readonly values: Tensor<["L", "G", "C"]>;
  /** table[sequence][page] = page of the cache. */
  readonly table: Tensor<["B", "S"]>;
  /** rows[t] = (sequence, number of positions that row t sees). */
  readonly rows: Tensor<[N, "Y"]>;
  readonly scale: number;
  /** Positions a page holds. */
  readonly pageSize: number;
}

/** Everything the gated delta rule reads. */
export interface DeltaNetInputs {
  readonly q: Tensor<["H", "T", "C"]>;
  readonly k: Tensor<["H", "T", "C"]>;
  readonly v: Tensor<["H", "T", "N"]>;
  /** Logarithm of the forget factor, ≤ 0. */
  readonly decay: Tensor<["T", "H"]>;
  readonly beta: Tensor<["T", "H"]>;
  readonly state: Tensor<["B", "H", "C", "N"]>;
  /** Which state each row belongs to; rows of one sequence are consecutive. */
  readonly sequence: Tensor<["T"]>;
}

/**
 * Everything a model may ask for. It has one implementation, the recorder, which builds the graph; backends lower that
 * graph, autograd transforms it, the planner folds over it, the oracle interprets it. Equations: docs/ops.md.
 */
export interface Ops {
  // leaves
  /** A checkpoint tensor; asked for twice, it is the same value. */
  weight<A extends Axes>(name: string, ...dims: DimsOf<A>): Tensor<A>;
  /** Something given at every replay. */
  input<A extends Axes>(name: string, dtype: DType, ...dims: DimsOf<A>): Tensor<A>;
  /** Something that outlives a replay: a cache or a recurrent state. */
  state<A extends Axes>(name: string, dtype: DType, ...dims: DimsOf<A>): Tensor<A>;
  /** Says that the state `name` is `value` after the replay. */
  update(name: string, value: AnyTensor): void;
  output(name: string, value: AnyTensor): void;
  /** Names an intermediate value for the fidelity ladder; returns it. */
  tap<A extends Axes>(name: string, value: Tensor<A>): Tensor<A>;

  // elementwise
  add<A extends Axes>(a: Tensor<A>, b: Tensor<NoInfer<A>>): Tensor<A>;
  subtract<A extends Axes>(a: Tensor<A>, b: Tensor<NoInfer<A>>): Tensor<A>;
  multiply<A extends Axes>(a: Tensor<A>, b: Tensor<NoInfer<A>>): Tensor<A>;
  scale<A extends Axes>(x: Tensor<A>, factor: number): Tensor<A>;
  /** Adds `row` to every row. */
  addRow<L extends Axes, A extends Axis>(x: Tensor<[...L, A]>, row: Tensor<[NoInfer<A>]>): Tensor<[...L, A]>;
  /** Multiplies every row by `row`. */
  multiplyRow<L extends Axes, A extends Axis>(x: Tensor<[...L, A]>, row: Tensor<[NoInfer<A>]>): Tensor<[...L, A]>;
  /** GELU, tanh approximation. */
  gelu<A extends Axes>(x: Tensor<A>): Tensor<A>;
  /** GELU by the error function. */
  geluErf<A extends Axes>(x: Tensor<A>): Tensor<A>;
  silu<A extends Axes>(x: Tensor<A>): Tensor<A>;
  sigmoid<A extends Axes>(x: Tensor<A>): Tensor<A>;
  softplus<A extends Axes>(x: Tensor<A>): Tensor<A>;
  sumAll<A extends Axes>(x: Tensor<A>): Tensor<[]>;

  // maps and norms
  /** Applies `map` over the last axis. */
  linear<L extends Axes, In extends Axis, Out extends Axis>(
    x: Tensor<[...L, In]>,
    map: Linear<NoInfer<In>, Out>,
  ): Tensor<[...L, Out]>;
  /** Applies x @ W over the last axis. */
  transposedLinear<L extends Axes, In extends Axis, Out extends Axis>(
    x: Tensor<[...L, In]>,
    map: TransposedLinear<NoInfer<In>, Out>,
  ): Tensor<[...L, Out]>;
  layerNorm<L extends Axes, A extends Axis>(
    x: Tensor<[...L, A]>,
    norm: Norm<NoInfer<A>>,
    eps: number,
  ): Tensor<[...L, A]>;
  rmsNorm<L extends Axes, A extends Axis>(
    x: Tensor<[...L, A]>,
    weight: Tensor<[NoInfer<A>]>,
    eps: number,
  ): Tensor<[...L, A]>;
  /** x / √(Σ x² + eps) over the last axis. */
  l2Norm<A extends Axes>(x: Tensor<A>, eps: number): Tensor<A>;

  // heads
  /** [N, W] to [head, N, width], width of one head by the two dims. */
  splitHeads<N extends Axis, W extends Axis, Head extends Axis, Width extends Axis>(
    x: Tensor<[N, W]>,
    heads: DimOf<Head>,
    width: DimOf<Width>,
  ): Tensor<[Head, N, Width]>;
  /** Inverse of `splitHeads`. */
  mergeHeads<Head extends Axis, N extends Axis, Width extends Axis, W extends Axis>(
    x: Tensor<[Head, N, Width]>,
    width: DimOf<W>,
  ): Tensor<[N, W]>;
  /** Cuts the last axis into two parts. */
  splitColumns<L extends Axes, W extends Axis, A extends Axis, B extends Axis>(
    x: Tensor<[...L, W]>,
    parts: readonly [DimOf<A>, DimOf<B>],
  ): readonly [Tensor<[...L, A]>, Tensor<[...L, B]>];
  /** Cuts the last axis into three parts. */
  splitThree<L extends Axes, W extends Axis, A extends Axis, B extends Axis, C extends Axis>(
    x: Tensor<[...L, W]>,
    parts: readonly [DimOf<A>, DimOf<B>, DimOf<C>],
  ): readonly [Tensor<[...L, A]>, Tensor<[...L, B]>, Tensor<[...L, C]>];
  /** Joins two tensors side by side along their last axes. */
  joinColumns<L extends Axes, A extends Axis, B extends Axis, W extends Axis>(
    a: Tensor<[...L, A]>,
    b: Tensor<[...L, B]>,
    width: DimOf<W>,
  ): Tensor<[...L, W]>;
  rotary<Head extends Axis, N extends Axis, C extends Axis>(
    x: Tensor<[Head, N, C]>,
    positions: Tensor<[NoInfer<N>]>,
    options: RotaryOptions,
  ): Tensor<[Head, N, C]>;

  // attention
  /** softmax(scale · q kᵀ) v within each row's span; G key-value heads serve H query heads. */
  attention<N extends Axis, M extends Axis, KeyHead extends "G" | "H">(
    q: Tensor<["H", N, "C"]>,
    k: Tensor<[KeyHead, M, "C"]>,
    v: Tensor<[NoInfer<KeyHead>, NoInfer<M>, "C"]>,
    options: AttentionOptions<NoInfer<N>>,
  ): Tensor<["H", N, "C"]>;
  /** Writes rows into their slots of a cache. */
  append<N extends Axis>(
    cache: Tensor<["L", "G", "C"]>,
    rows: Tensor<["G", N, "C"]>,
    slots: Tensor<[NoInfer<N>]>,
  ): Tensor<["L", "G", "C"]>;
  attentionCached<N extends Axis>(
    q: Tensor<["H", N, "C"]>,
    options: CachedAttentionOptions<NoInfer<N>>,
  ): Tensor<["H", N, "C"]>;

  // rows
  gatherRows<V extends Axis, W extends Axis, N extends Axis>(table: Tensor<[V, W]>, ids: Tensor<[N]>): Tensor<[N, W]>;
  /** Writes rows over x at the given places. */
  spliceRows<N extends Axis, R extends Axis, W extends Axis>(
    x: Tensor<[N, W]>,
    rows: Tensor<[R, NoInfer<W>]>,
    at: Tensor<[NoInfer<R>]>,
  ): Tensor<[N, W]>;
  /** Joins consecutive rows side by side: rows × width stays the same. */
  foldRows<N extends Axis, W extends Axis, Folded extends Axis, Joined extends Axis>(
    x: Tensor<[N, W]>,
    rows: DimOf<Folded>,
    width: DimOf<Joined>,
  ): Tensor<[Folded, Joined]>;
  /** Mean of each group of `count` consecutive rows. */
  meanRows<N extends Axis, W extends Axis, Folded extends Axis>(
    x: Tensor<[N, W]>,
    rows: DimOf<Folded>,
    count: number,
  ): Tensor<[Folded, W]>;
  argmax<L extends Axes, V extends Axis>(x: Tensor<[...L, V]>): Tensor<L>;

  // recurrence
  causalConv(
    x: Tensor<["T", "X"]>,
    weight: Tensor<["X", "J"]>,
    history: Tensor<["B", "X", "J"]>,
    sequence: Tensor<["T"]>,
  ): Stepped<["T", "X"], ["B", "X", "J"]>;
  deltaNet(inputs: DeltaNetInputs): Stepped<["H", "T", "N"], ["B", "H", "C", "N"]>;

  // losses
  /** Σ weights · −log p(target). */
  crossEntropy<N extends Axis>(
    logits: Tensor<[N, "V"]>,
    targets: Tensor<[NoInfer<N>]>,
    weights: Tensor<[NoInfer<N>]>,
  ): Tensor<[]>;
  /** log p(target) of each row. */
  tokenLogProbability<N extends Axis>(logits: Tensor<[N, "V"]>, targets: Tensor<[NoInfer<N>]>): Tensor<[N]>;
  /** Sum of x over each span of rows. */
  spanSum<N extends Axis, B extends Axis>(x: Tensor<[N]>, spans: Tensor<[B, "Y"]>): Tensor<[B]>;
}

/** Dims whose axes spell `A`. */
export type DimsOf<A extends Axes> = { readonly [I in keyof A]: DimOf<A[I]> };
