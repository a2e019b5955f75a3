import type { Graph, Node, ValueId } from "../../../tensor/graph.ts";

/** Who makes and who reads each value of a graph; what is read out after a replay counts as a reader. */
export class ValueUses {
  readonly #makers = new Map<ValueId, Node>();
  readonly #readers = new Map<ValueId, Node>();
  readonly #counts = new Map<ValueId, number>();

  constructor(graph: Graph, taps: readonly ValueId[]) {
    const count = (id: ValueId): void => {
      this.#counts.set(id, this.readerCount(id) + 1);
    };
    for (const node of graph.nodes) {
      for (const id of node.outputs) this.#makers.set(id, node);
      for (const id of node.inputs) {
        this.#readers.set(id, node);
        count(id);
      }
    }
    for (const id of [...Object.values(graph.outputs), ...taps]) count(id);
  }

  readerCount(id: ValueId): number {
    return this.#counts.get(id) ?? 0;
  }

  reader(id: ValueId): Node | undefined {
    return this.#readers.get(id);
  }

  maker(id: ValueId): Node | undefined {
    return this.#makers.get(id);
  }
}
