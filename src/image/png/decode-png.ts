import { ImageCorruptError, ImageTooLargeError, ImageTruncatedError } from "../errors.ts";
import type { RgbImage } from "../rgb-image.ts";
import { PNG_CHANNELS, type PngChunks, type PngHeader, readPngChunks } from "./png-chunks.ts";
import { type PngPass, pngPasses, unfilterRow, unpackRow } from "./png-rows.ts";
import { inflate } from "./zlib.ts";

/** A decoded PNG and the metadata this library reads. */
export interface DecodedPng {
  readonly image: RgbImage;
  /** TIFF block of the eXIf chunk, if any. */
  readonly exif: Uint8Array | undefined;
}

const MAX_DEFLATE_RATIO = 1032; // the most that deflate can expand: 258 bytes from two bits

/**
 * Decodes any PNG to RGB as Pillow's `convert("RGB")` shows it: alpha dropped, palette looked up, no gamma, no colour
 * profile. `maxPixels` is checked before allocation. Throws the image errors.
 */
export async function decodePng(bytes: Uint8Array, maxPixels: number): Promise<DecodedPng> {
  const chunks = readPngChunks(bytes);
  const { header } = chunks;
  if (header.width * header.height > maxPixels) throw new ImageTooLargeError(header.width, header.height, maxPixels);
  const passes = pngPasses(header);
  const rawBytes = passes.reduce((sum, pass) => sum + pass.height * (1 + pass.rowBytes), 0);
  const packedBytes = chunks.data.reduce((sum, part) => sum + part.length, 0);
  if (rawBytes > packedBytes * MAX_DEFLATE_RATIO) {
    throw new ImageTruncatedError(
      `The PNG claims ${header.width}×${header.height} pixels but has only ${packedBytes} bytes of data.`,
    );
  }
  const raw = await inflate(chunks.data, rawBytes, chunks.isWhole);
  return { image: paint(chunks, passes, raw), exif: chunks.exif };
}

function paint(chunks: PngChunks, passes: readonly PngPass[], raw: Uint8Array): RgbImage {
  const { header } = chunks;
  const palette = header.colorType === 3 ? paletteTable(chunks.palette) : undefined;
  const data = new Uint8Array(header.width * header.height * 3);
  const channels = PNG_CHANNELS[header.colorType];
  const pixelBytes = Math.max(1, (header.bitDepth * channels) >> 3);
  const samples = new Uint8Array(header.width * channels);
  let at = 0;
  for (const pass of passes) {
    let above: Uint8Array = new Uint8Array(pass.rowBytes);
    for (let y = 0; y < pass.height; y++) {
      const row = raw.subarray(at + 1, at + 1 + pass.rowBytes);
      unfilterRow(raw[at], row, above, pixelBytes);
      unpackRow(header, row, samples, pass.width * channels);
      placeRow(header, pass, y, samples, palette, data);
      above = row;
      at += 1 + pass.rowBytes;
    }
  }
  return { width: header.width, height: header.height, data };
}

function placeRow(
  header: PngHeader,
  pass: PngPass,
  y: number,
  samples: Uint8Array,
  palette: Uint8Array | undefined,
  data: Uint8Array,
): void {
  const channels = PNG_CHANNELS[header.colorType];
  let to = ((pass.y + y * pass.stepY) * header.width + pass.x) * 3;
  // gray repeats its only sample
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2];
  for (let x = 0; x < pass.width; x++) {
    const source = palette ?? samples;
    const from = palette === undefined ? x * channels : samples[x] * 3;
    data[to] = source[from];
    data[to + 1] = source[palette === undefined ? from + green : from + 1];
    data[to + 2] = source[palette === undefined ? from + blue : from + 2];
    to += pass.stepX * 3;
  }
}

// indices past a short palette are black, as in Pillow
function paletteTable(palette: Uint8Array | undefined): Uint8Array {
  if (palette === undefined || palette.length % 3 !== 0 || palette.length > 768) {
    throw new ImageCorruptError("The PNG lacks a well-formed palette.");
  }
  const table = new Uint8Array(768);
  table.set(palette);
  return table;
}
