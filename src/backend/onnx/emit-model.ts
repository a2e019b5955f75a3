import { UnsupportedError } from "../../base/errors.ts";
import { present } from "../../base/invariant.ts";
import type { LowerOptions } from "../../tensor/backend.ts";
import type { Graph, ValueId } from "../../tensor/graph.ts";
import { Emission } from "./emit/emission.ts";
import { EMITTERS } from "./emit/table.ts";
import { OnnxModel } from "./onnx-model.ts";

/** An ONNX model and the names by which its ports are fed and fetched. */
export interface EmittedModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Graph input or weight name → ONNX input name. */
  readonly feeds: Readonly<Record<string, string>>;
  /** Output or tap name → ONNX output name. */
  readonly fetches: Readonly<Record<string, string>>;
}

export type EmitOptions = Pick<LowerOptions, "taps" | "blocks">;

/** Emits a whole graph, every axis at its capacity. Throws UnsupportedError for an op without an ONNX form. */
export function emitModel(graph: Graph, options: EmitOptions = {}): EmittedModel {
  const model = new OnnxModel();
  const taps = options.taps ?? [];
  const emission = new Emission(graph, model, options.blocks);
  const feeds: Record<string, string> = {};
  for (const [name, id] of [...Object.entries(graph.inputs), ...Object.entries(graph.weights)]) {
    const { dtype } = graph.values[id];
    feeds[name] = emission.name(id);
    model.input({ name: feeds[name], type: dtype === "i32" ? "i32" : "f32", shape: emission.shape(id) });
  }
  for (const node of graph.nodes) {
    const emitter = EMITTERS[node.op];
    if (typeof emitter !== "function") {
      throw new UnsupportedError(
        `${node.op} has no ONNX form: ${emitter.unsupported}.`,
        "Use the WebAssembly backend.",
      );
    }
    emitter(emission, node);
  }
  const fetches: Record<string, string> = {};
  const results: readonly (readonly [string, ValueId])[] = [
    ...Object.entries(graph.outputs),
    ...taps.map((tap) => [tap, present(graph.taps[tap], `tap ${tap}`)] as const),
  ];
  for (const [i, [name, id]] of results.entries()) {
    const { dtype } = graph.values[id];
    // an output of its own, since one value may be asked for under two names
    fetches[name] = `out${i}`;
    model.alias(fetches[name], emission.name(id));
    model.output({ name: fetches[name], type: dtype === "i32" ? "i32" : "f32", shape: emission.shape(id) });
  }
  return { bytes: model.encode(), feeds, fetches };
}
