import { decoderGraph } from "../../src/model/decoder/decoder.ts";
import type { ModelDescription } from "../../src/model/minicpmv/version.ts";
import { weightUses } from "../../src/tensor/weight-uses.ts";

/** A tensor of a release: matrices in 16 bits, what kernels read as it is in 32. */
export interface ReleasedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: "F32" | "F16";
}

/** Every tensor that a model asks of its safetensors file. */
export function bindWeightNames({ encoder, decoder, naming, computed }: ModelDescription): readonly ReleasedTensor[] {
  const capacity = { tokens: 1, selected: 1, sequences: 1, pagesPerSequence: 1, pageSize: 1, slotCount: 1 };
  const parts = [
    { graph: encoder.graph({ views: 1, patches: encoder.patchMultiple }), places: naming.vision },
    { graph: decoderGraph(decoder, { ...capacity, cacheType: "f32" }), places: naming.language },
  ];
  const tensors = new Map<string, ReleasedTensor>();
  for (const { graph, places } of parts) {
    const uses = weightUses([graph]);
    for (const [name, id] of Object.entries(graph.weights)) {
      const shape = graph.values[id].dims.map((d) => d.capacity);
      const place = computed(name) === undefined ? places(name, shape) : undefined;
      if (place === undefined) continue;
      const whole = place.part === undefined ? shape : [shape[0] * place.part.count, ...shape.slice(1)];
      const isPlain = (uses[name] ?? ["plain"]).includes("plain") || place.map !== undefined;
      tensors.set(place.name, { name: place.name, shape: place.shape ?? whole, type: isPlain ? "F32" : "F16" });
    }
  }
  return [...tensors.values()];
}
