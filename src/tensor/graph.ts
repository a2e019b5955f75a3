import type { OpName } from "./definitions.ts";
import type { Dim } from "./dim.ts";
import type { DType } from "./dtype.ts";

/** Index of a value in `Graph.values`. */
export type ValueId = number;

/** What a value is to its graph. */
export type ValueKind = "weight" | "input" | "state" | "temp";

/** One value of a graph. */
export interface Value {
  readonly id: ValueId;
  readonly kind: ValueKind;
  readonly dtype: DType;
  readonly dims: readonly Dim[];
  /** Checkpoint, input or state name; temps have none. */
  readonly name?: string;
}

/** What an operation is told besides its inputs. Plain data, so that a graph can be hashed, stored and sent. */
export type Attributes = Readonly<Record<string, number | boolean | string | readonly number[]>>;

/** One operation of a graph. Inputs stand before it; a missing optional input is left out by the op's own rule. */
export interface Node {
  readonly op: OpName;
  readonly attributes: Attributes;
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  /** Dims that the op cannot derive from its inputs (a folded row count, a table length). */
  readonly dims: readonly Dim[];
  /** Recompute region of training; nodes of one region may be recomputed together. */
  readonly region?: number;
}

/**
 * A recorded computation: nodes in execution order over values. A state that an op updates appears twice, as `from`
 * and as `to`; `to` may live in the memory of `from` (donated). Schema frozen by docs/adr/0003-seams.md.
 */
export interface Graph {
  readonly values: readonly Value[];
  readonly nodes: readonly Node[];
  readonly inputs: Readonly<Record<string, ValueId>>;
  readonly weights: Readonly<Record<string, ValueId>>;
  readonly states: Readonly<Record<string, { readonly from: ValueId; readonly to: ValueId }>>;
  readonly outputs: Readonly<Record<string, ValueId>>;
  /** Named intermediate values: the fidelity ladder and the debugger hang on them. They are free unless asked for. */
  readonly taps: Readonly<Record<string, ValueId>>;
}

/** Every run-time extent a graph takes: slot name to largest value. */
export function slotsOf(graph: Graph): Readonly<Record<string, number>> {
  const slots: Record<string, number> = {};
  for (const value of graph.values) {
    for (const d of value.dims) {
      if (d.slot !== undefined) slots[d.slot] = Math.min(slots[d.slot] ?? d.capacity, d.capacity);
    }
  }
  return slots;
}
