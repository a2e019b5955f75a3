import { AbortedError, ArgumentError } from "../base/errors.ts";
import type { Checkpoint, CheckpointTensor } from "../weights/checkpoint.ts";
import type { GgufValue } from "../weights/gguf/value.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import type { GgmlType } from "../weights/quant/formats.ts";
import type { ByteSink } from "./byte-sink.ts";
import { quantise } from "./encode/quantise.ts";
import { ImportanceError } from "./errors.ts";
import { type TensorToWrite, writeGguf } from "./gguf-writer.ts";
import type { ImportanceMatrix } from "./imatrix.ts";
import { chooseTypes, fileTypeOf, type QuantisePreset } from "./mixture.ts";

/** Elements converted at a time: 4 MiB as float32 and a fraction of a second, so that cancelling is felt. */
const CHUNK_ELEMENTS = 1 << 20;
/** general.quantization_version of ggml's current block layouts. */
const QUANTIZATION_VERSION = 2;
/** Sources that hold what training gave; requantising a smaller type would add its errors to the new one's. */
const FULL_TYPES: readonly GgmlType[] = ["F32", "F16", "BF16"];

/** How far a conversion is. */
export interface QuantiseProgress {
  readonly tensorName: string;
  readonly type: GgmlType;
  readonly tensorIndex: number;
  readonly tensorCount: number;
  readonly writtenBytes: number;
  readonly fileBytes: number;
}

/** What else `quantiseFile` takes. */
export interface QuantiseOptions {
  readonly importance?: ImportanceMatrix;
  /** Written instead of the checkpoint's own metadata; needed when that is no GGUF. */
  readonly metadata?: ReadonlyMap<string, GgufValue>;
  readonly onProgress?: (progress: QuantiseProgress) => void;
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface QuantiseSummary {
  readonly types: readonly { readonly name: string; readonly from: GgmlType; readonly to: GgmlType }[];
}

/**
 * Writes a checkpoint as a GGUF file with the types of a preset, vision tower included. Streams: memory holds one chunk
 * of one tensor. Throws ArgumentError for a source that is quantised already, ImportanceError for a matrix of another
 * model, OutputWriteError when the file cannot be written, AbortedError; nothing is left behind then.
 */
export async function quantiseFile(
  checkpoint: Checkpoint,
  sink: ByteSink,
  preset: QuantisePreset,
  options: QuantiseOptions = {},
): Promise<QuantiseSummary> {
  try {
    const tensors = checkpoint.names.map((name) => checkpoint.tensor(name));
    const types = chooseTypes(preset, tensors);
    const plans = tensors.map((tensor, i) => planOf(checkpoint.fileName, tensor, types[i], options));
    const metadata = metadataFor(preset, options.metadata ?? checkpoint.metadata.values, options.importance);
    await writeGguf(sink, metadata, plans, (writtenBytes, fileBytes, tensorIndex) => {
      const { name: tensorName, type } = plans[tensorIndex];
      options.onProgress?.({ tensorName, type, tensorIndex, tensorCount: plans.length, writtenBytes, fileBytes });
    });
    return { types: tensors.map(({ name, type }, i) => ({ name, from: type, to: types[i] })) };
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

function planOf(
  fileName: string,
  tensor: CheckpointTensor,
  type: GgmlType,
  { importance, signal }: QuantiseOptions,
): TensorToWrite {
  const { name, shape } = tensor;
  const isCopy = tensor.type === type;
  if (!isCopy && !FULL_TYPES.includes(tensor.type)) {
    throw new ArgumentError(
      `${fileName}: tensor ${name} is ${tensor.type} already and would become ${type}.`,
      "Start from the F16, BF16 or F32 file.",
    );
  }
  const rowLength = shape.at(-1) ?? 1;
  const weights = importance?.entries.get(name)?.meanSquares;
  if (weights !== undefined && weights.length !== rowLength) {
    throw new ImportanceError(
      fileName,
      `tensor ${name} has rows of ${rowLength}, the matrix ${weights.length} columns`,
    );
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const rowsAtOnce = Math.min(tensor.rowCount, Math.max(1, Math.floor(CHUNK_ELEMENTS / rowLength)));
    // one pair of buffers for the whole tensor: as garbage, chunks would add up to more than it
    const stored = new Uint8Array(rowsAtOnce * tensor.rowBytes);
    const values = new Float32Array(isCopy ? 0 : rowsAtOnce * rowLength);
    for (let firstRow = 0; firstRow < tensor.rowCount; firstRow += rowsAtOnce) {
      if (signal?.aborted === true) throw new AbortedError("Quantising", { cause: signal.reason });
      const rowCount = Math.min(rowsAtOnce, tensor.rowCount - firstRow);
      const length = rowCount * tensor.rowBytes;
      const into = stored.subarray(0, length);
      const bytes = await tensor.readBytes(firstRow * tensor.rowBytes, length, signal, into);
      if (isCopy) yield bytes;
      else {
        const elements = rowCount * rowLength;
        const floats = dequantise(tensor.type, bytes, elements, { into: values.subarray(0, elements) });
        yield quantise(type, floats, rowLength, weights);
      }
    }
  }
  return { name, shape, type, chunks };
}

/** The source's metadata with what changed: the types, and that the file is whole now. */
function metadataFor(
  preset: QuantisePreset,
  source: ReadonlyMap<string, GgufValue>,
  importance: ImportanceMatrix | undefined,
): Map<string, GgufValue> {
  const metadata = new Map([...source].filter(([key]) => !key.startsWith("split.")));
  metadata.set("general.file_type", { type: "u32", value: fileTypeOf(preset) });
  metadata.set("general.quantization_version", { type: "u32", value: QUANTIZATION_VERSION });
  if (importance !== undefined) {
    metadata.set("quantize.imatrix.dataset", { type: "string", value: importance.dataset });
    metadata.set("quantize.imatrix.entries_count", { type: "u32", value: importance.entries.size });
    metadata.set("quantize.imatrix.chunks_count", { type: "u32", value: importance.chunkCount });
  }
  return metadata;
}
