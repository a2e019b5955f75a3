import { ArgumentError } from "../base/errors.ts";
import { byteLengthOf, type GgmlType } from "../weights/quant/formats.ts";
import { type ByteSink, writeWhole } from "./byte-sink.ts";
import { OutputWriteError } from "./errors.ts";
import type { TensorToWrite } from "./gguf-writer.ts";

/** The reference implementation pads the header so that data starts on this boundary. */
const DATA_ALIGNMENT = 8;
const DTYPES: ReadonlySet<GgmlType> = new Set(["F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64"]);

/**
 * Writes a safetensors file that Hugging Face libraries read; tensors come one after the other, chunk by chunk.
 * Throws ArgumentError for block types, which the container does not know.
 */
export async function writeSafetensors(
  sink: ByteSink,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  await writeWhole(sink, async () => {
    const { header, byteLengths } = layOut(tensors, metadata);
    await sink.write(header);
    for (const [index, tensor] of tensors.entries()) {
      let written = 0;
      for await (const chunk of tensor.chunks()) {
        written += chunk.length;
        await sink.write(chunk);
      }
      if (written !== byteLengths[index]) {
        const problem = `tensor ${tensor.name} gave ${written} bytes where its shape needs ${byteLengths[index]}`;
        throw new OutputWriteError(sink.name, problem, "Check the shape and type declared for it.");
      }
    }
  });
}

function layOut(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): { header: Uint8Array<ArrayBuffer>; byteLengths: number[] } {
  let offset = 0;
  const entries: [string, unknown][] = [["__metadata__", metadata]];
  const byteLengths = tensors.map(({ name, type, shape }) => {
    if (!DTYPES.has(type)) {
      throw new ArgumentError(`safetensors cannot hold ${name} as ${type}.`, "Write F32, F16 or BF16, or a GGUF file.");
    }
    const length = byteLengthOf(
      type,
      shape.reduce((product, size) => product * size, 1),
    );
    entries.push([name, { dtype: type, shape, data_offsets: [offset, offset + length] }]);
    offset += length;
    return length;
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const padded = Math.ceil(json.length / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  const header = new Uint8Array(8 + padded).fill(0x20); // JSON allows trailing spaces
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return { header, byteLengths };
}
