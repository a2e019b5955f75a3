import type { GgufValue } from "../weights/gguf/value.ts";
import { layOutGguf, type TensorDeclaration } from "../weights/gguf/write-header.ts";
import { type ByteSink, writeWhole } from "./byte-sink.ts";
import { OutputWriteError } from "./errors.ts";

/** A tensor and where its stored bytes come from, piece by piece. */
export interface TensorToWrite extends TensorDeclaration {
  chunks(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * Writes a GGUF v3 file. Tensors are asked for their bytes one after the other, so memory holds one chunk at a time.
 * Commits the sink, or aborts it and throws. `onBytes` hears how much of the file is written, after every chunk.
 */
export async function writeGguf(
  sink: ByteSink,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly TensorToWrite[],
  onBytes: (writtenBytes: number, fileBytes: number, tensorIndex: number) => void = () => {},
): Promise<void> {
  await writeWhole(sink, async () => {
    const layout = layOutGguf(metadata, tensors);
    await sink.write(layout.header);
    let written = layout.header.length;
    for (const [index, tensor] of tensors.entries()) {
      const { byteLength } = layout.tensors[index];
      const end = layout.tensors[index].offsetBytes + byteLength;
      for await (const chunk of tensor.chunks()) {
        written += chunk.length;
        checkLength(sink.name, tensor.name, byteLength, written <= end);
        await sink.write(chunk);
        onBytes(written, layout.fileBytes, index);
      }
      checkLength(sink.name, tensor.name, byteLength, written === end);
      const next = layout.tensors.at(index + 1)?.offsetBytes ?? layout.fileBytes;
      await sink.write(new Uint8Array(next - written));
      written = next;
    }
  });
}

function checkLength(fileName: string, tensorName: string, byteLength: number, fits: boolean): void {
  if (fits) return;
  throw new OutputWriteError(
    fileName,
    `tensor ${tensorName} did not give the ${byteLength} bytes that its shape and type need`,
    "Check the shape and type declared for it.",
  );
}
