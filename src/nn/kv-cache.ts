import type { DimOf } from "../tensor/dim.ts";
import type { Ops } from "../tensor/ops.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Element type of cached keys and values: half to save memory, float where nothing may be lost. */
export type CacheType = "f16" | "f32";

/** Inputs that tell a step where its rows lie in a paged cache. */
export interface CachePlace {
  /** Slot of each new row. */
  readonly slots: Tensor<["T"]>;
  /** rows[t] = (sequence, positions that row t sees, itself included). */
  readonly rows: Tensor<["T", "Y"]>;
  /** table[sequence][page]. */
  readonly table: Tensor<["B", "S"]>;
  readonly pageSize: number;
  readonly slotCount: number;
  readonly type: CacheType;
}

/** What a query attends to: the rows of this step alone, or a cache that they are appended to. */
export type Past =
  | { readonly kind: "none"; readonly spans: Tensor<["T", "Y"]> }
  | { readonly kind: "cache"; readonly place: CachePlace };

export interface CausalHeads {
  readonly q: Tensor<["H", "T", "C"]>;
  readonly k: Tensor<["G", "T", "C"]>;
  readonly v: Tensor<["G", "T", "C"]>;
  readonly groups: DimOf<"G">;
  readonly width: DimOf<"C">;
  /** Which cache: states `keys.<layer>` and `values.<layer>`. */
  readonly layer: number;
}

/** Causal attention over the past. One function serves training, prefill and decode. */
export function attendCausally(ops: Ops, heads: CausalHeads, past: Past): Tensor<["H", "T", "C"]> {
  const { q, k, v, layer } = heads;
  const scale = heads.width.capacity ** -0.5;
  if (past.kind === "none") return ops.attention(q, k, v, { spans: past.spans, scale });
  const { place } = past;
  const append = (name: string, rows: Tensor<["G", "T", "C"]>): Tensor<["L", "G", "C"]> => {
    const slots = { axis: "L", capacity: place.slotCount } as const;
    const cache = ops.state<["L", "G", "C"]>(`${name}.${layer}`, place.type, slots, heads.groups, heads.width);
    const next = ops.append(cache, rows, place.slots);
    ops.update(`${name}.${layer}`, next);
    return next;
  };
  const keys = append("keys", k);
  const values = append("values", v);
  return ops.attentionCached(q, { ...place, keys, values, scale });
}
