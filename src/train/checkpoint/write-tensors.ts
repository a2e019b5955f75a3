import { numberToBfloat16 } from "../../base/float16.ts";
import { fileSink, type OpenForWriting } from "../../quantize/node/file-sink.ts";
import { writeSafetensors } from "../../quantize/safetensors-writer.ts";
import type { NamedTensor } from "./published.ts";

export interface WriteTensorsOptions {
  readonly open?: OpenForWriting;
  /** BF16 halves a file and is what releases use; F32 keeps every bit. */
  readonly type?: "F32" | "BF16";
}

/** Writes a safetensors file that appears only when whole. Throws OutputWriteError. */
export async function writeNamedTensors(
  path: string,
  tensors: readonly NamedTensor[],
  { open, type = "F32" }: WriteTensorsOptions = {},
): Promise<void> {
  const sink = open === undefined ? await fileSink(path) : await fileSink(path, open);
  await writeSafetensors(
    sink,
    tensors.map(({ name, shape, values }) => ({
      name,
      type,
      shape,
      chunks: async function* () {
        yield type === "F32" ? float32Bytes(values) : bfloat16Bytes(values);
      },
    })),
  );
}

function float32Bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function bfloat16Bytes(values: Float32Array): Uint8Array {
  return new Uint8Array(Uint16Array.from(values, numberToBfloat16).buffer);
}
