import { type OpDefinition, sizeOf } from "./definition.ts";
import { DEFINITIONS } from "./definitions.ts";
import { capacityOf, type Extents, extentsOf } from "./dim.ts";
import { DTYPE_BYTES } from "./dtype.ts";
import { MemoryBudgetError } from "./errors.ts";
import type { Graph, Value, ValueId } from "./graph.ts";

/** Where each temporary value lies in the arena, and what the whole takes. */
export interface Plan {
  /** Byte offset of each temp value; other kinds are undefined. */
  readonly offsets: readonly (number | undefined)[];
  /** Bytes of the arena: the peak of temporaries that live at once. */
  readonly arenaBytes: number;
  readonly inputBytes: number;
  readonly stateBytes: number;
}

/** Work and traffic of one replay. */
export interface Cost {
  readonly flops: number;
  /** Bytes read and written if nothing stayed in a cache between ops; weights counted as float32. */
  readonly bytes: number;
}

export interface PlanOptions {
  /** Values that share the memory of another: view → owner. A backend elides copies with it. */
  readonly views?: ReadonlyMap<ValueId, ValueId>;
  /** Alignment of every buffer; a power of two. */
  readonly alignment?: number;
  /** Bytes that a value takes, where a backend pads it. */
  readonly sizeBytes?: (value: Value) => number;
  /** Extra values that must survive to the end, besides outputs: taps that were asked for. */
  readonly keep?: readonly ValueId[];
}

interface Lifetime {
  readonly id: ValueId;
  readonly first: number;
  last: number;
  readonly bytes: number;
}

/** Lays temporaries out by lifetime: largest first, each at the lowest offset free for as long as it lives. */
export function plan(graph: Graph, options: PlanOptions = {}): Plan {
  const sizeBytes = options.sizeBytes ?? valueBytes;
  const alignment = options.alignment ?? 64;
  const lifetimes = findLifetimes(graph, options, (value) => roundUp(sizeBytes(value), alignment));
  const offsets: (number | undefined)[] = new Array(graph.values.length);
  const placed: { readonly lifetime: Lifetime; readonly offset: number }[] = [];
  let arenaBytes = 0;
  for (const lifetime of [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const busy = placed
      .filter(({ lifetime: other }) => other.first <= lifetime.last && lifetime.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of busy) {
      if (other.offset - offset >= lifetime.bytes) break;
      offset = Math.max(offset, other.offset + other.lifetime.bytes);
    }
    offsets[lifetime.id] = offset;
    placed.push({ lifetime, offset });
    arenaBytes = Math.max(arenaBytes, offset + lifetime.bytes);
  }
  for (const [view] of options.views ?? []) offsets[view] = offsets[ownerOf(view, options.views)];
  const ofKind = (kind: Value["kind"]): number =>
    graph.values.reduce((sum, v) => (v.kind === kind ? sum + roundUp(sizeBytes(v), alignment) : sum), 0);
  return { offsets, arenaBytes, inputBytes: ofKind("input"), stateBytes: ofKind("state") };
}

/** Throws MemoryBudgetError before anything is allocated. */
export function requireFits(what: string, neededBytes: number, budgetBytes: number): void {
  if (neededBytes > budgetBytes) throw new MemoryBudgetError(what, neededBytes, budgetBytes);
}

/** FLOPs and bytes of one replay at the given extents, from the ops' own formulas. */
export function cost(graph: Graph, extents: Extents): Cost {
  let flops = 0;
  let bytes = 0;
  for (const node of graph.nodes) {
    const shape = (id: ValueId): number[] => extentsOf(graph.values[id].dims, extents);
    const inputs = node.inputs.map(shape);
    const outputs = node.outputs.map(shape);
    const definition: OpDefinition = DEFINITIONS[node.op];
    flops += definition.flops({ inputs, outputs });
    for (const [i, id] of node.inputs.entries()) bytes += sizeOf(inputs[i]) * DTYPE_BYTES[graph.values[id].dtype];
    for (const [i, id] of node.outputs.entries()) bytes += sizeOf(outputs[i]) * DTYPE_BYTES[graph.values[id].dtype];
  }
  return { flops, bytes };
}

/** Bytes of a value with every axis full. */
export function valueBytes(value: Pick<Value, "dims" | "dtype">): number {
  return capacityOf(value.dims) * DTYPE_BYTES[value.dtype];
}

function findLifetimes(graph: Graph, options: PlanOptions, bytesOf: (value: Value) => number): Lifetime[] {
  const live = new Map<ValueId, Lifetime>();
  const touch = (id: ValueId, step: number): void => {
    const owner = ownerOf(id, options.views);
    const value = graph.values[owner];
    if (value.kind !== "temp") return;
    const known = live.get(owner);
    if (known === undefined) live.set(owner, { id: owner, first: step, last: step, bytes: bytesOf(value) });
    else known.last = Math.max(known.last, step);
  };
  for (const [step, node] of graph.nodes.entries()) {
    for (const id of node.inputs) touch(id, step);
    for (const id of node.outputs) touch(id, step);
  }
  const end = graph.nodes.length;
  for (const id of [...Object.values(graph.outputs), ...(options.keep ?? [])]) touch(id, end);
  for (const { to } of Object.values(graph.states)) touch(to, end);
  return [...live.values()];
}

function ownerOf(id: ValueId, views: ReadonlyMap<ValueId, ValueId> | undefined): ValueId {
  let owner = id;
  for (let next = views?.get(owner); next !== undefined; next = views?.get(owner)) owner = next;
  return owner;
}

/** Smallest multiple of a power of two that is not below `n`. */
export function roundUp(n: number, multiple: number): number {
  return Math.ceil(n / multiple) * multiple;
}

/** What a graph will do and take, before anything runs. */
export interface PlanReport extends Cost {
  /** Bytes of temporaries that live at once, with every axis full; views cost nothing. */
  readonly workspaceBytes: number;
  readonly inputBytes: number;
  readonly stateBytes: number;
  /** Bytes of the weights as they are stored, where the caller says; as float32 otherwise. */
  readonly weightBytes: number;
  /** Everything at once: what must fit. */
  readonly peakBytes: number;
  /** How often each op occurs. */
  readonly opCounts: Readonly<Record<string, number>>;
}

/** FLOPs and traffic of one replay at `extents`, and the memory that the graph needs with every axis full. */
export function describePlan(
  graph: Graph,
  extents: Extents,
  storedBytes: (weightName: string) => number | undefined = () => undefined,
): PlanReport {
  const { arenaBytes, inputBytes, stateBytes } = plan(graph, { views: headViews(graph) });
  let weightBytes = 0;
  for (const [name, id] of Object.entries(graph.weights)) {
    weightBytes += storedBytes(name) ?? valueBytes(graph.values[id]);
  }
  const opCounts: Record<string, number> = {};
  for (const { op } of graph.nodes) opCounts[op] = (opCounts[op] ?? 0) + 1;
  return {
    ...cost(graph, extents),
    workspaceBytes: arenaBytes,
    inputBytes,
    stateBytes,
    weightBytes,
    peakBytes: arenaBytes + inputBytes + stateBytes + weightBytes,
    opCounts,
  };
}

/** Heads that are split or merged stay where they are in every backend. */
function headViews(graph: Graph): ReadonlyMap<ValueId, ValueId> {
  const views = new Map<ValueId, ValueId>();
  for (const { op, inputs, outputs } of graph.nodes) {
    if (op === "splitHeads" || op === "mergeHeads") views.set(outputs[0], inputs[0]);
  }
  return views;
}
