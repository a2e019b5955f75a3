import type { WeightSource } from "../../tensor/backend.ts";
import type { CheckpointTensor } from "../../weights/checkpoint.ts";
import { blockFormat } from "../../weights/quant/formats.ts";
import { ExportError } from "../errors.ts";

/** What is done to a weight's rows on the way into a GGUF file. */
export type RowOrder =
  | { readonly kind: "same" }
  /** W·x instead of x @ W. */
  | { readonly kind: "transposed" }
  /** Rows of each head from halves to pairs, as llama.cpp rotates them in llama-type files. */
  | { readonly kind: "interleaved"; readonly headCount: number };

/** One tensor of an exported file. */
export interface ExportedTensor {
  readonly name: string;
  /** Outermost first; may fold the weight's own shape (a convolution kernel). */
  readonly shape: readonly number[];
  readonly order: RowOrder;
  readonly source: WeightSource;
}

/** The tensor as a checkpoint has it: read through its transform, nothing kept. Throws ExportError when quantised. */
export function exportedTensor({ name, shape, order, source }: ExportedTensor): CheckpointTensor {
  const format = blockFormat(source.type);
  if (format.elements !== 1) {
    throw new ExportError(`${name} is ${source.type} already`, "Export the float checkpoint that training wrote");
  }
  const count = shape.reduce((product, n) => product * n, 1);
  const byteLength = count * format.bytes;
  const rowBytes = (shape[shape.length - 1] ?? 1) * format.bytes;
  const readBytes = rangeReader(source, order, format.bytes);
  return {
    name,
    type: source.type,
    shape,
    byteLength,
    rowCount: byteLength / rowBytes,
    rowBytes,
    readBytes,
    read: (rows = { firstRow: 0, rowCount: byteLength / rowBytes }) =>
      readBytes(rows.firstRow * rowBytes, rows.rowCount * rowBytes),
  };
}

type RangeReader = (offsetBytes: number, lengthBytes: number) => Promise<Uint8Array<ArrayBuffer>>;

function rangeReader(source: WeightSource, order: RowOrder, elementBytes: number): RangeReader {
  const rowBytes = (source.shape[source.shape.length - 1] ?? 1) * elementBytes;
  const rowCount = source.shape.length < 2 ? 1 : source.shape.slice(0, -1).reduce((product, n) => product * n, 1);
  if (order.kind === "same") {
    return async (offset, length) => {
      const begin = Math.floor(offset / rowBytes);
      const end = Math.ceil((offset + length) / rowBytes);
      const rows = await source.readRows(begin, end);
      return rows.slice(offset - begin * rowBytes, offset - begin * rowBytes + length);
    };
  }
  // rows from all over: the whole tensor is read again for each piece, and no piece keeps it
  return async (offset, length) => {
    const whole = await source.readRows(0, rowCount);
    const moved =
      order.kind === "transposed" ? transposed(whole, rowBytes, elementBytes) : interleaved(whole, order, rowBytes);
    return moved.slice(offset, offset + length);
  };
}

function transposed(bytes: Uint8Array, rowBytes: number, elementBytes: number): Uint8Array<ArrayBuffer> {
  const columns = rowBytes / elementBytes;
  const rows = bytes.length / rowBytes;
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = row * rowBytes + column * elementBytes;
      const to = (column * rows + row) * elementBytes;
      for (let b = 0; b < elementBytes; b++) out[to + b] = bytes[from + b];
    }
  }
  return out;
}

/** gguf_row[2j + s] = row[s · half + j] within each head. */
function interleaved(
  bytes: Uint8Array,
  { headCount }: { readonly headCount: number },
  rowBytes: number,
): Uint8Array<ArrayBuffer> {
  const headRows = bytes.length / rowBytes / headCount;
  const half = headRows / 2;
  const out = new Uint8Array(bytes.length);
  for (let head = 0; head < headCount; head++) {
    for (let row = 0; row < headRows; row++) {
      const from = head * headRows + (row % 2) * half + Math.floor(row / 2);
      out.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), (head * headRows + row) * rowBytes);
    }
  }
  return out;
}
