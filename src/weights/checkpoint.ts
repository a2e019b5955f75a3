import type { ByteSource } from "../io/byte-source.ts";
import { CheckpointEntryError } from "./errors.ts";
import type { Metadata } from "./metadata.ts";
import { blockFormat, type GgmlType } from "./quant/formats.ts";
import type { TensorPlace } from "./tensor-place.ts";

/** Part of a tensor: rows are its innermost dimension, counted over all outer ones. */
export interface RowRange {
  readonly firstRow: number;
  readonly rowCount: number;
}

/** A tensor of a checkpoint. Its bytes stay in the file until asked for. */
export interface CheckpointTensor {
  readonly name: string;
  readonly type: GgmlType;
  /** Outermost first. */
  readonly shape: readonly number[];
  readonly byteLength: number;
  readonly rowCount: number;
  readonly rowBytes: number;
  /** Stored bytes of all rows or of `rows`. Throws CheckpointEntryError for rows it does not have. */
  read(rows?: RowRange, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** Stored bytes [offsetBytes, offsetBytes + lengthBytes) of the tensor; in `into` where the file can put them there. */
  readBytes(
    offsetBytes: number,
    lengthBytes: number,
    signal?: AbortSignal,
    into?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
}

/** Named tensors and metadata of one model, over any container. `close` gives back the files. */
export class Checkpoint {
  /** What to call it in messages. */
  readonly fileName: string;
  readonly container: "gguf" | "safetensors";
  readonly metadata: Metadata;
  readonly #tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly #sources: readonly ByteSource[];

  constructor(parts: {
    readonly fileName: string;
    readonly container: "gguf" | "safetensors";
    readonly metadata: Metadata;
    readonly tensors: readonly CheckpointTensor[];
    readonly sources: readonly ByteSource[];
  }) {
    this.fileName = parts.fileName;
    this.container = parts.container;
    this.metadata = parts.metadata;
    this.#tensors = new Map(parts.tensors.map((tensor) => [tensor.name, tensor]));
    this.#sources = parts.sources;
  }

  /** Tensor names in file order. */
  get names(): readonly string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** Throws CheckpointEntryError when there is no such tensor. */
  tensor(name: string): CheckpointTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new CheckpointEntryError(this.fileName, `there is no tensor ${name}`);
    return tensor;
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.close()));
  }
}

/** The tensor at `place` of `source`. */
export function tensorAt(source: ByteSource, place: TensorPlace): CheckpointTensor {
  const { name, type, shape, byteLength } = place;
  const rowLength = shape.at(-1) ?? 1;
  const format = blockFormat(type);
  const rowBytes = (rowLength / format.elements) * format.bytes;
  const rowCount = rowBytes === 0 ? 0 : byteLength / rowBytes;
  const readBytes: CheckpointTensor["readBytes"] = async (offsetBytes, lengthBytes, signal, into) => {
    const isInside = offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes + lengthBytes <= byteLength;
    if (!isInside) {
      const asked = `bytes ${offsetBytes} to ${offsetBytes + lengthBytes}`;
      throw new CheckpointEntryError(source.name, `tensor ${name} has ${byteLength} bytes, not ${asked}`);
    }
    return source.read(place.offsetBytes + offsetBytes, lengthBytes, signal, into);
  };
  return {
    name,
    type,
    shape,
    byteLength,
    rowCount,
    rowBytes,
    readBytes,
    read: (rows = { firstRow: 0, rowCount }, signal) =>
      readBytes(rows.firstRow * rowBytes, rows.rowCount * rowBytes, signal),
  };
}
