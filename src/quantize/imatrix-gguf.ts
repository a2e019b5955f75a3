import type { Checkpoint, CheckpointTensor } from "../weights/checkpoint.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { ImportanceError } from "./errors.ts";
import type { ImportanceEntry, ImportanceMatrix } from "./imatrix.ts";

const SUMS = ".in_sum2";
const COUNTS = ".counts";

/** Takes an importance matrix out of a GGUF file, today's format of llama.cpp: sums of squares and rows counted. */
export async function importanceFromGguf(checkpoint: Checkpoint, signal?: AbortSignal): Promise<ImportanceMatrix> {
  const fail = (problem: string): ImportanceError => new ImportanceError(checkpoint.fileName, problem);
  const entries = new Map<string, ImportanceEntry>();
  for (const name of checkpoint.names) {
    if (!name.endsWith(SUMS)) continue;
    const weight = name.slice(0, -SUMS.length);
    if (!checkpoint.has(weight + COUNTS)) throw fail(`there are sums for ${weight} and no counts`);
    const sums = await numbersOf(checkpoint.tensor(name), fail, signal);
    const counts = await numbersOf(checkpoint.tensor(weight + COUNTS), fail, signal);
    if (counts.length !== 1) throw fail(`${weight} has ${counts.length} experts; models of one are supported`);
    const [callCount] = counts;
    if (callCount === 0) continue; // the calibration never came by: as good as no entry
    if (!(callCount > 0) || sums.some((sum) => !(sum >= 0)))
      throw fail(`${weight} has a count of ${callCount} or negative sums`);
    entries.set(weight, { callCount, meanSquares: sums.map((sum) => sum / callCount) });
  }
  if (entries.size === 0) throw fail("it holds no importance matrix");
  return {
    entries,
    chunkCount: checkpoint.metadata.number("imatrix.chunk_count") ?? 0,
    dataset: checkpoint.metadata.strings("imatrix.datasets")?.toArray().join(", ") ?? "",
  };
}

async function numbersOf(
  tensor: CheckpointTensor,
  fail: (problem: string) => ImportanceError,
  signal: AbortSignal | undefined,
): Promise<Float32Array<ArrayBuffer>> {
  if (tensor.type !== "F32") throw fail(`${tensor.name} is ${tensor.type}, not F32`);
  return dequantise("F32", await tensor.read(undefined, signal), tensor.byteLength / 4, { checkFinite: true });
}
