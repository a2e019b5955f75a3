import { seededRandom } from "../base/random.ts";
import type { Graph } from "../tensor/graph.ts";

const RESIDUAL = /(out_proj|o_proj|fc2|down_proj)\.weight$/;

/**
 * Fresh weights of a training graph: linear maps normal with variance 1/in, those that write into the residual stream
 * smaller by √(2 layers); norms one, biases zero, tables 0.02 to 0.5 as fits their scale. Equal seeds give equal bits.
 */
export function initialise(
  graph: Graph,
  { seed, layerCount }: { readonly seed: number; readonly layerCount: number },
): Readonly<Record<string, Float32Array<ArrayBuffer>>> {
  const weights: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const [index, [name, id]] of Object.entries(graph.weights)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .entries()) {
    if (name.startsWith("computed.")) continue;
    const shape = graph.values[id].dims.map((d) => d.capacity);
    const random = seededRandom(seed * 7919 + index);
    const deviation = deviationOf(name, shape, layerCount);
    const values = new Float32Array(shape.reduce((n, d) => n * d, 1));
    if (deviation > 0) for (let i = 0; i < values.length; i++) values[i] = random.normal() * deviation;
    else if (isScale(name)) values.fill(1);
    weights[name] = values;
  }
  return weights;
}

function isScale(name: string): boolean {
  return name.endsWith("weight");
}

function deviationOf(name: string, shape: readonly number[], layerCount: number): number {
  if (shape.length < 2) return 0;
  if (name.includes("position_embedding")) return 0.02;
  if (name.includes("embed_tokens") || name === "resampler.query") return 0.5;
  const fanIn = shape[1] ?? 1;
  const base = 1 / Math.sqrt(fanIn);
  return RESIDUAL.test(name) ? base / Math.sqrt(2 * layerCount) : base;
}
