import type { WeightUse } from "./backend.ts";
import type { Graph, Node } from "./graph.ts";

/** What the graphs together do with each weight. */
export function weightUses(graphs: readonly Graph[]): Readonly<Record<string, readonly WeightUse[]>> {
  const uses: Record<string, Set<WeightUse>> = {};
  for (const graph of graphs) {
    const names = new Map(Object.entries(graph.weights).map(([name, id]) => [id, name]));
    for (const node of graph.nodes) {
      for (const [index, id] of node.inputs.entries()) {
        const name = names.get(id);
        if (name === undefined) continue;
        uses[name] ??= new Set();
        uses[name].add(useOf(node, index));
      }
    }
  }
  return Object.fromEntries(Object.entries(uses).map(([name, set]) => [name, [...set].sort()]));
}

function useOf(node: Node, index: number): WeightUse {
  if (node.op === "linear" && index === 1) return "linear";
  if (node.op === "transposedLinear" && index === 1) return "transposed";
  if (node.op === "gatherRows" && index === 0) return "table";
  return "plain";
}
