import { ImageCorruptError, ImageTruncatedError } from "../errors.ts";
import { crc32 } from "./crc32.ts";

/** First bytes of every PNG. */
export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** What the chunks of a PNG say, before any picture data is inflated. */
export interface PngChunks {
  readonly header: PngHeader;
  /** RGB triples, at most 256. */
  readonly palette: Uint8Array | undefined;
  /** TIFF block of the eXIf chunk. */
  readonly exif: Uint8Array | undefined;
  /** Payloads of the IDAT chunks. */
  readonly data: readonly Uint8Array[];
  /** False where the file ends without its end chunk. */
  readonly isWhole: boolean;
}

/** The IHDR chunk. */
export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly bitDepth: number;
  readonly colorType: PngColorType;
  readonly isInterlaced: boolean;
}

/** 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGB and alpha. */
export type PngColorType = 0 | 2 | 3 | 4 | 6;

/** Samples per pixel of each colour type. */
export const PNG_CHANNELS: Readonly<Record<PngColorType, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

const DEPTHS: Readonly<Record<PngColorType, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

/** Walks the chunks; checks the CRC of critical ones, skips damaged others. Throws the image errors. */
export function readPngChunks(bytes: Uint8Array): PngChunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Uint8Array[] = [];
  let header: PngHeader | undefined;
  let palette: Uint8Array | undefined;
  let exif: Uint8Array | undefined;
  let isWhole = false;
  let at = PNG_SIGNATURE.length;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 8 + length;
    if (end + 4 > bytes.length) {
      // what there is of the last picture data may still be whole; inflating decides
      if (type === "IDAT") data.push(bytes.subarray(at + 8, bytes.length));
      break;
    }
    const payload = bytes.subarray(at + 8, end);
    const isCritical = (bytes[at + 4] & 0x20) === 0;
    const isIntact = crc32(bytes.subarray(at + 4, end)) === view.getUint32(end);
    if (!isIntact && isCritical) throw new ImageCorruptError(`The PNG's ${printable(type)} chunk fails its checksum.`);
    if (type === "IHDR" && header === undefined) header = readHeader(payload);
    else if (header === undefined) throw new ImageCorruptError("The PNG does not start with its header.");
    else if (type === "PLTE") palette = payload;
    else if (type === "IDAT") data.push(payload);
    else if (type === "eXIf" && isIntact) exif = payload;
    else if (type === "IEND") {
      isWhole = true;
      break;
    }
    at = end + 4;
  }
  if (header === undefined) throw new ImageTruncatedError("The PNG ends before its header.");
  if (data.length === 0) throw new ImageTruncatedError("The PNG ends before its picture data.");
  return { header, palette, exif, data, isWhole };
}

function readHeader(payload: Uint8Array): PngHeader {
  if (payload.length < 13) throw new ImageCorruptError("The PNG has a malformed header.");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [bitDepth, colorType, compression, filter, interlace] = payload.subarray(8);
  if (width === 0 || height === 0) throw new ImageCorruptError(`The PNG claims ${width}×${height} pixels.`);
  if (!isColorType(colorType) || !DEPTHS[colorType].includes(bitDepth)) {
    throw new ImageCorruptError(`The PNG has colour type ${colorType} with ${bitDepth} bits.`);
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw new ImageCorruptError(`The PNG has compression ${compression}, filter ${filter}, interlace ${interlace}.`);
  }
  return { width, height, bitDepth, colorType, isInterlaced: interlace === 1 };
}

function isColorType(value: number): value is PngColorType {
  return value in PNG_CHANNELS;
}

function printable(type: string): string {
  return /^[A-Za-z]{4}$/.test(type) ? type : "unnamed";
}
