import { ImageCorruptError, ImageFormatError, ImageTruncatedError } from "../errors.ts";
import { type HuffmanTable, huffmanTable } from "./huffman.ts";
import type { FrameHeader } from "./jpeg-frame.ts";
import { ZIGZAG } from "./zigzag.ts";

/** One marker segment: its code and payload. */
export interface Segment {
  readonly code: number;
  readonly payload: Uint8Array;
  /** Offset of the first byte after the segment. */
  readonly end: number;
}

/** Tables that stay in force from marker to marker. */
export interface JpegTables {
  readonly quant: (Uint16Array | undefined)[];
  readonly dc: (HuffmanTable | undefined)[];
  readonly ac: (HuffmanTable | undefined)[];
}

/** Reads the segment at or after `at`; bytes before a marker are skipped. Throws ImageTruncatedError. */
export function readSegment(bytes: Uint8Array, at: number): Segment {
  let start = at;
  while (start + 1 < bytes.length && !(bytes[start] === 0xff && bytes[start + 1] > 0 && bytes[start + 1] < 0xff)) {
    start += 1;
  }
  if (start + 1 >= bytes.length) throw new ImageTruncatedError("The JPEG ends before its picture data.");
  const code = bytes[start + 1];
  const hasNoLength = code === 0x01 || (code >= 0xd0 && code <= 0xd9);
  if (hasNoLength) return { code, payload: bytes.subarray(0, 0), end: start + 2 };
  const length = (bytes[start + 2] << 8) | bytes[start + 3];
  const end = start + 2 + length;
  if (!(end <= bytes.length)) throw new ImageTruncatedError("The JPEG ends inside a marker segment.");
  if (length < 2) throw new ImageCorruptError(`The JPEG has a marker segment of length ${length}.`);
  return { code, payload: bytes.subarray(start + 4, end), end };
}

/** DQT: tables of 8 or 16 bits in zigzag order. */
export function readQuantTables(payload: Uint8Array, tables: JpegTables): void {
  let at = 0;
  while (at < payload.length) {
    const precision = payload[at] >> 4;
    const index = payload[at] & 15;
    at += 1;
    const size = precision === 0 ? 64 : 128;
    if (precision > 1 || index > 3 || at + size > payload.length) {
      throw new ImageCorruptError("The JPEG has a malformed quantisation table.");
    }
    const table = new Uint16Array(64);
    for (let k = 0; k < 64; k++) {
      table[ZIGZAG[k]] = precision === 0 ? payload[at + k] : (payload[at + 2 * k] << 8) | payload[at + 2 * k + 1];
    }
    tables.quant[index] = table;
    at += size;
  }
}

/** DHT: any number of tables. */
export function readHuffmanTables(payload: Uint8Array, tables: JpegTables): void {
  let at = 0;
  while (at < payload.length) {
    const kind = payload[at] >> 4;
    const index = payload[at] & 15;
    const counts = payload.subarray(at + 1, at + 17);
    const symbolCount = counts.reduce((sum, count) => sum + count, 0);
    const end = at + 17 + symbolCount;
    if (kind > 1 || index > 3 || symbolCount > 256 || end > payload.length) {
      throw new ImageCorruptError("The JPEG has a malformed Huffman table.");
    }
    const symbols = payload.slice(at + 17, end);
    if (kind === 0 && symbols.some((symbol) => symbol > 15)) {
      throw new ImageCorruptError("The JPEG has a DC table with a symbol above 15.");
    }
    (kind === 0 ? tables.dc : tables.ac)[index] = huffmanTable(counts, symbols);
    at = end;
  }
}

const UNSUPPORTED_FRAMES: Readonly<Record<number, string>> = {
  195: "lossless",
  197: "hierarchical",
  198: "hierarchical progressive",
  199: "hierarchical lossless",
  201: "arithmetic-coded",
  202: "arithmetic-coded progressive",
  203: "arithmetic-coded lossless",
  205: "arithmetic-coded hierarchical",
  206: "arithmetic-coded hierarchical progressive",
  207: "arithmetic-coded hierarchical lossless",
};

/** True for any start-of-frame marker. */
export function isFrameMarker(code: number): boolean {
  return (code >= 0xc0 && code <= 0xc2) || code in UNSUPPORTED_FRAMES;
}

/** SOF: size and sampling. Throws ImageFormatError for the kinds of JPEG that cameras and browsers do not write. */
export function readFrameHeader(code: number, payload: Uint8Array): FrameHeader {
  if (code in UNSUPPORTED_FRAMES) throw unsupported(`is ${UNSUPPORTED_FRAMES[code]}`);
  const componentCount = payload[5];
  if (payload.length < 6 || payload.length < 6 + componentCount * 3) {
    throw new ImageCorruptError("The JPEG has a malformed frame header.");
  }
  if (payload[0] !== 8) throw unsupported(`has ${payload[0]} bits per sample`);
  const height = (payload[1] << 8) | payload[2];
  const width = (payload[3] << 8) | payload[4];
  if (width === 0 || height === 0) throw new ImageCorruptError(`The JPEG claims ${width}×${height} pixels.`);
  if (componentCount === 0 || componentCount > 4) throw unsupported(`has ${componentCount} colour components`);
  const sampling = Array.from({ length: componentCount }, (_, i) => {
    const [id, factors, quantIndex] = payload.subarray(6 + i * 3, 9 + i * 3);
    const [horizontal, vertical] = [factors >> 4, factors & 15];
    if (horizontal < 1 || horizontal > 4 || vertical < 1 || vertical > 4 || quantIndex > 3) {
      throw new ImageCorruptError(`The JPEG has sampling factors ${horizontal}×${vertical}.`);
    }
    return { id, horizontal, vertical, quantIndex };
  });
  return { width, height, isProgressive: code === 0xc2, sampling };
}

function unsupported(what: string): ImageFormatError {
  return new ImageFormatError(
    "jpeg",
    `The JPEG ${what}.`,
    "Convert it to a baseline or progressive 8-bit JPEG, or to PNG.",
  );
}
