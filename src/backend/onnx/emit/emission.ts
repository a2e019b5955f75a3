import type { Dim } from "../../../tensor/dim.ts";
import type { Graph, Node, ValueId } from "../../../tensor/graph.ts";
import type { OnnxModel, OnnxName } from "../onnx-model.ts";

/** A graph on its way into an ONNX model. Every axis is at its capacity: training packs have one shape. */
export class Emission {
  readonly graph: Graph;
  readonly model: OnnxModel;
  readonly #names: (OnnxName | undefined)[];
  readonly #blocks: ReadonlyMap<ValueId, number>;

  constructor(graph: Graph, model: OnnxModel, blocks: Readonly<Record<string, number>> = {}) {
    this.graph = graph;
    this.model = model;
    this.#blocks = new Map(Object.entries(blocks).map(([name, count]) => [graph.inputs[name], count]));
    this.#names = new Array(graph.values.length);
  }

  /** Equal blocks that the rows of a span input fall into; 1 where nothing was promised. */
  blockCount(spans: ValueId): number {
    return this.#blocks.get(spans) ?? 1;
  }

  name(id: ValueId): OnnxName {
    return this.#names[id] ?? `v${id}`;
  }

  bind(id: ValueId, name: OnnxName): void {
    this.#names[id] = name;
  }

  dims(id: ValueId): readonly Dim[] {
    return this.graph.values[id].dims;
  }

  shape(id: ValueId): readonly number[] {
    return this.dims(id).map((d) => d.capacity);
  }

  reshape(name: OnnxName, shape: readonly number[]): OnnxName {
    return this.model.node("Reshape", [name, this.model.integers(shape)]);
  }

  transpose(name: OnnxName, perm: readonly number[]): OnnxName {
    return this.model.node("Transpose", [name], { perm });
  }
}

/** Adds the ONNX nodes of one op and binds its outputs. */
export type EmitNode = (e: Emission, node: Node) => void;
