import { present } from "../base/invariant.ts";
import type { WeightSource } from "../tensor/backend.ts";
import type { Graph } from "../tensor/graph.ts";
import type { CheckpointTensor } from "../weights/checkpoint.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { BLOCK_FORMATS, type GgmlType } from "../weights/quant/formats.ts";
import type { WeightReader } from "../weights/weight-reader.ts";

/** Where a weight of the graph lies in a checkpoint, and what is done to it on the way. */
export interface WeightPlace {
  /** Name in the checkpoint. */
  readonly name: string;
  /** Shape there, where it differs from the graph's (a convolution kernel that the graph sees as a matrix). */
  readonly shape?: readonly number[];
  /** Takes the index-th of `count` equal parts of the rows (stacked q, k, v). */
  readonly part?: { readonly index: number; readonly count: number };
  /** Applied to every value; for small vectors alone, since the result is kept as float32. */
  readonly map?: (value: number) => number;
}

/** Says where each weight lies; undefined for a name that this part of the model does not hold. */
export type WeightNaming = (name: string, shape: readonly number[]) => WeightPlace | undefined;

/** Rows [begin, end) of a weight that no file holds, each `rowLength` long. */
export type ComputedRows = (begin: number, end: number, rowLength: number) => Float32Array<ArrayBuffer>;

/** Weights that no file holds, by name; computed when read, since a damaged file may claim any size. */
export type ComputedWeights = (name: string) => ComputedRows | undefined;

const FLOAT_TYPES: readonly GgmlType[] = ["F32", "F16", "BF16"];
const MATRIX_TYPES: readonly GgmlType[] = BLOCK_FORMATS.map(({ type }) => type).filter(
  (type) => FLOAT_TYPES.includes(type) || !/^[IF]\d+$/.test(type),
);

/**
 * Finds every weight that the graphs ask for: one WeightSource per name, nothing read yet. The caller calls
 * `reader.finish()` afterwards, which reports every gap, leftover, wrong shape and wrong type together.
 */
export function bindWeights(
  graphs: readonly Graph[],
  {
    reader,
    naming,
    computed,
  }: { readonly reader: WeightReader; readonly naming: WeightNaming; readonly computed: ComputedWeights },
): ReadonlyMap<string, WeightSource> {
  const sources = new Map<string, WeightSource>();
  for (const graph of graphs) {
    for (const [name, id] of Object.entries(graph.weights)) {
      if (sources.has(name)) continue;
      const shape = graph.values[id].dims.map((d) => d.capacity);
      const rows = computed(name);
      if (rows !== undefined) {
        sources.set(name, computedSource(name, shape, rows));
        continue;
      }
      const place = present(naming(name, shape), `a place for weight ${name}`);
      sources.set(name, fileSource(name, shape, { place, tensor: claim(reader, place, shape) }));
    }
  }
  return sources;
}

function claim(reader: WeightReader, place: WeightPlace, shape: readonly number[]): CheckpointTensor {
  const whole = place.part === undefined ? shape : [shape[0] * place.part.count, ...shape.slice(1)];
  // kernels read vectors, convolutions and mapped values as floats; matrices may be quantised
  const isMatrix = shape.length > 1 && place.shape === undefined && place.map === undefined;
  return reader.claim(place.name, { shape: place.shape ?? whole, types: isMatrix ? MATRIX_TYPES : FLOAT_TYPES });
}

function fileSource(
  name: string,
  shape: readonly number[],
  { place, tensor }: { readonly place: WeightPlace; readonly tensor: CheckpointTensor },
): WeightSource {
  const { map } = place;
  // a reshaped tensor's rows are longer or shorter than the file's: read by bytes
  const rowCount = shape.length < 2 ? 1 : shape.slice(0, -1).reduce((n, d) => n * d, 1);
  const rowBytes = tensor.byteLength / (place.part?.count ?? 1) / rowCount;
  const base = (place.part?.index ?? 0) * rowCount;
  const readRows: WeightSource["readRows"] = (begin, end, into) =>
    tensor.readBytes((base + begin) * rowBytes, (end - begin) * rowBytes, undefined, into);
  if (map === undefined) return { name, type: tensor.type as WeightSource["type"], shape, readRows };
  const rowLength = shape[shape.length - 1] ?? 1;
  return {
    name,
    type: "F32",
    shape,
    readRows: async (begin, end) => {
      const values = dequantise(tensor.type, await readRows(begin, end), (end - begin) * rowLength);
      return new Uint8Array(Float32Array.from(values, map).buffer);
    },
  };
}

function computedSource(name: string, shape: readonly number[], rows: ComputedRows): WeightSource {
  const rowLength = shape[shape.length - 1] ?? 1;
  return {
    name,
    type: "F32",
    shape,
    readRows: async (begin, end) => new Uint8Array(rows(begin, end, rowLength).buffer),
  };
}
