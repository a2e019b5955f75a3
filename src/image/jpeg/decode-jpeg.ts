import { ImageCorruptError, ImageFormatError, ImageTooLargeError, ImageTruncatedError } from "../errors.ts";
import type { RgbImage } from "../rgb-image.ts";
import { inverseTransform } from "./idct.ts";
import { jpegColor, ROW_PAINTERS } from "./jpeg-color.ts";
import { type JpegFrame, layOutFrame } from "./jpeg-frame.ts";
import {
  isFrameMarker,
  type JpegTables,
  readFrameHeader,
  readHuffmanTables,
  readQuantTables,
  readSegment,
} from "./jpeg-markers.ts";
import { decodeScan } from "./scan.ts";
import { readScanHeader } from "./scan-header.ts";
import { rowSource } from "./upsample.ts";

/** A decoded JPEG and the metadata this library reads. */
export interface DecodedJpeg {
  readonly image: RgbImage;
  /** TIFF block of the Exif APP1 segment, if any. */
  readonly exif: Uint8Array | undefined;
}

const MARKER = {
  huffman: 0xc4,
  end: 0xd9,
  scan: 0xda,
  quant: 0xdb,
  restart: 0xdd,
  app0: 0xe0,
  app1: 0xe1,
  app14: 0xee,
};

interface JpegState {
  readonly tables: JpegTables;
  restartInterval: number;
  hasJfif: boolean;
  adobeTransform: number | undefined;
  exif: Uint8Array | undefined;
  frame: JpegFrame | undefined;
  scanCount: number;
}

/**
 * Decodes baseline, extended and progressive Huffman JPEG to RGB, equal to libjpeg-turbo's default decoding as Pillow
 * shows it. Where the two part: damaged or cut picture data is an error here and a partly gray picture there (Pillow
 * too refuses cut files); arithmetic-coded JPEG is refused here. Orientation is not applied, colour profiles are
 * ignored. Throws the image errors; `maxPixels` is checked before allocation.
 */
export function decodeJpeg(bytes: Uint8Array, maxPixels: number): DecodedJpeg {
  const state: JpegState = {
    tables: { quant: [], dc: [], ac: [] },
    restartInterval: 0,
    hasJfif: false,
    adobeTransform: undefined,
    exif: undefined,
    frame: undefined,
    scanCount: 0,
  };
  let at = 2;
  while (at < bytes.length) {
    const isTail = state.scanCount > 0 && bytes.length - at < 4;
    if (isTail && !bytes.subarray(at).includes(0xff)) break;
    const segment = readSegment(bytes, at);
    if (segment.code === MARKER.end) break;
    at = segment.end;
    if (segment.code === MARKER.scan) {
      const frame = state.frame;
      if (frame === undefined) throw new ImageCorruptError("The JPEG has picture data before its frame header.");
      const scan = readScanHeader(segment.payload, frame, state.tables, state.restartInterval);
      at = decodeScan(bytes, at, frame, scan);
      state.scanCount += 1;
      if (state.scanCount > MAX_SCANS) throw new ImageCorruptError(`The JPEG has more than ${MAX_SCANS} scans.`);
    } else if (isFrameMarker(segment.code)) {
      if (state.frame !== undefined) throw new ImageCorruptError("The JPEG has two frame headers.");
      const header = readFrameHeader(segment.code, segment.payload);
      if (header.width * header.height > maxPixels)
        throw new ImageTooLargeError(header.width, header.height, maxPixels);
      state.frame = layOutFrame(header, bytes.length - at);
    } else readTable(state, segment.code, segment.payload);
  }
  if (state.frame === undefined) throw new ImageTruncatedError("The JPEG ends before its frame header.");
  return { image: paint(state.frame, state), exif: state.exif };
}

// a real encoder writes about ten; every scan may walk all blocks, so their number bounds the time
const MAX_SCANS = 100;

function readTable(state: JpegState, code: number, payload: Uint8Array): void {
  if (code === MARKER.quant) readQuantTables(payload, state.tables);
  else if (code === MARKER.huffman) readHuffmanTables(payload, state.tables);
  else if (code === MARKER.restart) state.restartInterval = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
  else if (code === MARKER.app0 && startsWith(payload, "JFIF\0")) state.hasJfif = true;
  else if (code === MARKER.app1 && startsWith(payload, "Exif\0\0")) state.exif ??= payload.subarray(6);
  else if (code === MARKER.app14 && payload.length >= 12 && startsWith(payload, "Adobe")) {
    state.adobeTransform = payload[11];
  }
}

function startsWith(payload: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (payload[i] !== text.charCodeAt(i)) return false;
  return true;
}

function paint(frame: JpegFrame, state: JpegState): RgbImage {
  const { width, height, components } = frame;
  const color = jpegColor({ ...state, componentIds: components.map((component) => component.id) });
  if (color === undefined) {
    throw new ImageFormatError("jpeg", "The JPEG has two colour components.", "Convert it to gray or RGB first.");
  }
  const sources = components.map((component) => {
    if (component.quant === undefined) throw new ImageTruncatedError("The JPEG ends before all its colours were read.");
    return rowSource(frame, component, inverseTransform(component, component.quant));
  });
  const rows = components.map(
    (component) => new Uint8Array(component.width * (frame.maxHorizontal / component.horizontal)),
  );
  const data = new Uint8ClampedArray(width * height * 3);
  const painter = ROW_PAINTERS[color];
  for (let y = 0; y < height; y++) {
    sources.forEach((source, i) => {
      source(y, rows[i]);
    });
    painter(rows, width, data, y * width * 3);
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}
