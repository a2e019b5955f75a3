import type { Axis } from "../tensor/axis.ts";
import type { DimOf } from "../tensor/dim.ts";
import type { Ops } from "../tensor/ops.ts";
import type { Linear, Norm } from "../tensor/tensor.ts";

/** Declares `<name>.weight` [out, in] and, unless told otherwise, `<name>.bias` [out]. */
export function linearWeights<In extends Axis, Out extends Axis>(
  ops: Ops,
  name: string,
  { into, out, hasBias = true }: { readonly into: DimOf<In>; readonly out: DimOf<Out>; readonly hasBias?: boolean },
): Linear<In, Out> {
  const weight = ops.weight<[Out, In]>(`${name}.weight`, out, into);
  return hasBias ? { weight, bias: ops.weight<[Out]>(`${name}.bias`, out) } : { weight };
}

/** Declares `<name>.weight` and `<name>.bias` of a layer norm. */
export function normWeights<A extends Axis>(ops: Ops, name: string, width: DimOf<A>): Norm<A> {
  return { weight: ops.weight<[A]>(`${name}.weight`, width), bias: ops.weight<[A]>(`${name}.bias`, width) };
}
