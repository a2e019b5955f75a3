import { Checkpoint, type CheckpointTensor } from "../../weights/checkpoint.ts";
import type { GgufValue } from "../../weights/gguf/value.ts";
import { Metadata } from "../../weights/metadata.ts";

/** A metadata value of a made-up file: lists become i32. */
export type FakeValue = number | string | boolean | readonly number[];

/** What a checkpoint made for a test holds: F32 tensors by name, zero unless given; metadata as plain values. */
export interface FakeParts {
  readonly container?: "gguf" | "safetensors";
  readonly fileName?: string;
  readonly metadata?: Readonly<Record<string, FakeValue>>;
  readonly tensors?: Readonly<Record<string, readonly number[]>>;
  readonly values?: Readonly<Record<string, readonly number[]>>;
}

/** A checkpoint in memory whose tensors are zero. */
export function fakeCheckpoint(parts: FakeParts): Checkpoint {
  const fileName = parts.fileName ?? "fake";
  const entries = Object.entries(parts.metadata ?? {}).map(([key, value]) => [key, metadataValue(value)] as const);
  const values = Object.entries(parts.values ?? {});
  return new Checkpoint({
    fileName,
    container: parts.container ?? "gguf",
    metadata: new Metadata(fileName, new Map(entries)),
    tensors: [
      ...Object.entries(parts.tensors ?? {}).map(([name, shape]) => fakeTensor(name, shape)),
      ...values.map(([name, list]) => fakeTensor(name, [list.length], Float32Array.from(list))),
    ],
    sources: [],
  });
}

function metadataValue(value: FakeValue): GgufValue {
  if (typeof value === "object") return { type: "array", array: { type: "i32", values: Int32Array.from(value) } };
  if (typeof value === "string") return { type: "string", value };
  if (typeof value === "boolean") return { type: "bool", value };
  return Number.isInteger(value) ? { type: "u32", value } : { type: "f32", value };
}

function fakeTensor(name: string, shape: readonly number[], values?: Float32Array<ArrayBuffer>): CheckpointTensor {
  const count = shape.reduce((product, n) => product * n, 1);
  const rowBytes = 4 * (shape[shape.length - 1] ?? 1);
  const bytes = new Uint8Array((values ?? new Float32Array(count)).buffer);
  const readBytes = async (offset: number, length: number) => bytes.slice(offset, offset + length);
  return {
    name,
    type: "F32",
    shape,
    byteLength: bytes.length,
    rowCount: bytes.length / rowBytes,
    rowBytes,
    readBytes,
    read: (rows) => readBytes((rows?.firstRow ?? 0) * rowBytes, (rows?.rowCount ?? bytes.length / rowBytes) * rowBytes),
  };
}
