import { ImageCorruptError } from "../errors.ts";
import { PNG_CHANNELS, type PngHeader } from "./png-chunks.ts";

/** One pass over the picture: a grid of pixels `step` apart. A picture without interlace has one pass of step 1. */
export interface PngPass {
  readonly x: number;
  readonly y: number;
  readonly stepX: number;
  readonly stepY: number;
  readonly width: number;
  readonly height: number;
  readonly rowBytes: number;
}

// PNG specification, Adam7: first column, first row, column step, row step
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Passes that hold pixels, in file order. */
export function pngPasses(header: PngHeader): PngPass[] {
  const bitsPerPixel = header.bitDepth * PNG_CHANNELS[header.colorType];
  const grids = header.isInterlaced ? ADAM7 : [[0, 0, 1, 1] as const];
  return grids
    .map(([x, y, stepX, stepY]) => {
      const width = Math.ceil((header.width - x) / stepX);
      const height = Math.ceil((header.height - y) / stepY);
      return { x, y, stepX, stepY, width, height, rowBytes: Math.ceil((width * bitsPerPixel) / 8) };
    })
    .filter(({ width, height }) => width > 0 && height > 0);
}

/** Undoes the filter of one row in place; `above` is the row before it, zeros for the first. Throws ImageCorruptError. */
export function unfilterRow(filter: number, row: Uint8Array, above: Uint8Array, pixelBytes: number): void {
  switch (filter) {
    case 0:
      return;
    case 1:
      for (let i = pixelBytes; i < row.length; i++) row[i] += row[i - pixelBytes];
      return;
    case 2:
      for (let i = 0; i < row.length; i++) row[i] += above[i];
      return;
    case 3:
      for (let i = 0; i < row.length; i++) {
        const left = i < pixelBytes ? 0 : row[i - pixelBytes];
        row[i] += (left + above[i]) >> 1;
      }
      return;
    case 4:
      for (let i = 0; i < row.length; i++) {
        const isFirst = i < pixelBytes;
        const left = isFirst ? 0 : row[i - pixelBytes];
        const corner = isFirst ? 0 : above[i - pixelBytes];
        row[i] += paeth(left, above[i], corner);
      }
      return;
    default:
      throw new ImageCorruptError(`The PNG has a row with filter ${filter}.`);
  }
}

function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** Unpacks a row to 8-bit samples as Pillow reads them; palette indices stay indices. */
export function unpackRow(header: PngHeader, row: Uint8Array, samples: Uint8Array, sampleCount: number): void {
  const { bitDepth, colorType } = header;
  if (bitDepth === 8) {
    samples.set(row.subarray(0, sampleCount));
  } else if (bitDepth === 16) {
    // Pillow opens 16-bit gray as integers and convert("RGB") clips them at 255; other types keep the high byte
    const clips = colorType === 0;
    for (let i = 0; i < sampleCount; i++) samples[i] = clips && row[i * 2] > 0 ? 255 : row[i * 2 + (clips ? 1 : 0)];
  } else {
    const mask = (1 << bitDepth) - 1;
    const scale = colorType === 0 ? 255 / mask : 1;
    for (let i = 0; i < sampleCount; i++) {
      const bit = i * bitDepth;
      samples[i] = ((row[bit >> 3] >> (8 - bitDepth - (bit & 7))) & mask) * scale;
    }
  }
}
