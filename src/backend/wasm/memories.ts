import { present } from "../../base/invariant.ts";
import type { Graph, Node, ValueId } from "../../tensor/graph.ts";
import { valueBytes } from "../../tensor/planner.ts";
import { OutOfMemoryError } from "./errors.ts";
import { Heap, MEMORY_BYTES } from "./heap.ts";

/** How much the memories of a backend may hold. */
export interface MemoryLimits {
  /** All memories together; no limit of its own by default. */
  readonly totalBytes?: number | undefined;
  /** Each of them; 4 GiB by default, which is all that wasm32 addresses. */
  readonly eachBytes?: number | undefined;
  /** Weights that a memory takes before the next one is begun; three quarters of it by default. */
  readonly weightBytes?: number | undefined;
  /** First address that is used, for tests of high addresses. */
  readonly firstAddress?: number | undefined;
}

/** Share of a memory that weights fill before the next one is begun: the caches and the arena of its layers need the rest. */
const WEIGHT_SHARE = 0.75;
/** Share of a memory that states leave to the arena. */
const ARENA_SHARE = 0.125;

/** Most that a backend opens: beyond 48 GiB of weights nothing here would be quick enough. */
const MOST_MEMORIES = 16;

/** How many memories hold so many bytes of weights and what belongs to them. */
export function memoriesFor(bytes: number): number {
  return Math.min(MOST_MEMORIES, Math.max(1, Math.ceil(bytes / (WEIGHT_SHARE * MEMORY_BYTES))));
}

/** The memories of one backend, and what goes into which: weights in the order of their layers, states beside them. */
export class Memories {
  readonly heaps: readonly Heap[];
  readonly #eachBytes: number;
  readonly #weightBytes: number;
  readonly #reservedBytes: number;
  readonly #weights = new Map<string, number>();
  readonly #states = new WeakMap<Graph, ReadonlyMap<string, number>>();

  /** `reservedBytes` at the start of each memory are the caller's. */
  constructor(memories: readonly WebAssembly.Memory[], reservedBytes: number, limits: MemoryLimits = {}) {
    const eachBytes = Math.min(limits.eachBytes ?? MEMORY_BYTES, MEMORY_BYTES);
    const totalBytes = limits.totalBytes ?? Number.POSITIVE_INFINITY;
    const limitOf = (index: number) => () => Math.min(eachBytes, totalBytes - this.#extentWithout(index));
    this.#eachBytes = eachBytes;
    this.#weightBytes = limits.weightBytes ?? WEIGHT_SHARE * (eachBytes - reservedBytes);
    this.#reservedBytes = reservedBytes;
    this.heaps = memories.map((memory, index) => new Heap(memory, reservedBytes, limitOf(index)));
  }

  /** What was allocated, and what the caller reserved in the memories that are in use; the first always is. */
  get allocatedBytes(): number {
    const reserved =
      this.heaps.filter((heap, index) => index === 0 || heap.extentBytes > 0).length * this.#reservedBytes;
    return this.heaps.reduce((sum, heap) => sum + heap.allocatedBytes, reserved);
  }

  /** Freed memory is not given out again until `unhold`: see Heap. */
  hold(): void {
    for (const heap of this.heaps) heap.hold();
  }

  unhold(): void {
    for (const heap of this.heaps) heap.unhold();
  }

  /**
   * Calls `allocate` with the memory for a weight of `bytes`: the first that is not filled to its share, else the first with
   * room. Throws OutOfMemoryError.
   */
  placeWeight<T>(name: string, bytes: number, allocate: (memory: number) => T): T {
    const isBelowShare = (index: number): boolean => this.heaps[index].allocatedBytes + bytes <= this.#weightBytes;
    const all = [...this.heaps.keys()];
    const tried = [...all.filter(isBelowShare), ...all.filter((index) => !isBelowShare(index))];
    for (const memory of tried) {
      try {
        const placed = allocate(memory);
        this.#weights.set(name, memory);
        return placed;
      } catch (error) {
        if (!(error instanceof OutOfMemoryError) || memory === tried.at(-1)) throw error;
      }
    }
    return allocate(0);
  }

  /** The memory for a state of a graph: where the weights lie that are used just before it, or where there is room. */
  memoryOfState(graph: Graph, name: string): number {
    if (this.heaps.length === 1) return 0;
    let plan = this.#states.get(graph);
    if (plan === undefined) {
      plan = this.#planStates(graph);
      this.#states.set(graph, plan);
    }
    return present(plan.get(name), `the memory of state ${name}`);
  }

  #planStates(graph: Graph): ReadonlyMap<string, number> {
    const room = this.heaps.map((heap) => heap.roomBytes);
    const weightNames = new Map(Object.entries(graph.weights).map(([name, id]) => [id, name]));
    const plan = new Map<string, number>();
    for (const { names, node } of stateGroups(graph)) {
      const bytes = names.reduce((sum, name) => sum + valueBytes(graph.values[graph.states[name].from]), 0);
      const near = this.#memoryBefore(graph, node, weightNames);
      const isRoomy = room[near] - bytes >= ARENA_SHARE * this.#eachBytes;
      const memory = isRoomy ? near : room.indexOf(Math.max(...room));
      for (const name of names) plan.set(name, memory);
      room[memory] -= bytes;
    }
    return plan;
  }

  /** The memory of the last weight that is used before a node. */
  #memoryBefore(graph: Graph, node: Node, weightNames: ReadonlyMap<ValueId, string>): number {
    for (let at = graph.nodes.indexOf(node); at >= 0; at--) {
      for (const id of graph.nodes[at].inputs) {
        const memory = this.#weights.get(weightNames.get(id) ?? "");
        if (memory !== undefined) return memory;
      }
    }
    return 0;
  }

  #extentWithout(index: number): number {
    return this.heaps.reduce((sum, heap, other) => (other === index ? sum : sum + heap.extentBytes), 0);
  }
}

/** States that one node reads together lie in one memory; each group with the first node that reads one of them. */
function stateGroups(graph: Graph): readonly { readonly names: readonly string[]; readonly node: Node }[] {
  const nameOf = new Map<ValueId, string>();
  for (const [name, { from, to }] of Object.entries(graph.states)) for (const id of [from, to]) nameOf.set(id, name);
  const groups: { readonly names: Set<string>; readonly node: Node }[] = [];
  for (const node of graph.nodes) {
    const read = node.inputs.map((id) => nameOf.get(id)).filter((name) => name !== undefined);
    if (read.length === 0) continue;
    const known = groups.filter(({ names }) => read.some((name) => names.has(name)));
    const [first = { names: new Set<string>(), node }, ...others] = known;
    if (known.length === 0) groups.push(first);
    for (const name of [...read, ...others.flatMap(({ names }) => [...names])]) first.names.add(name);
    for (const other of others) groups.splice(groups.indexOf(other), 1);
  }
  const grouped = new Set(groups.flatMap(({ names }) => [...names]));
  const unread = Object.keys(graph.states).filter((name) => !grouped.has(name));
  const rest = unread.map((name) => ({ names: [name], node: graph.nodes[0] }));
  return [...groups.map(({ names, node }) => ({ names: [...names], node })), ...rest];
}
