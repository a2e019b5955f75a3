import { ArgumentError } from "../base/errors.ts";
import { ImageFormatError, ImageTooLargeError } from "./errors.ts";
import { type Orientation, readOrientation } from "./exif.ts";
import { type ImageFormat, sniffFormat } from "./image-format.ts";
import { decodeJpeg } from "./jpeg/decode-jpeg.ts";
import { applyOrientation } from "./orientation.ts";
import { decodePng } from "./png/decode-png.ts";
import type { RgbImage, Size } from "./rgb-image.ts";

/** Pixels as stored, and how to turn them upright. */
export interface StoredImage {
  readonly image: RgbImage;
  readonly orientation: Orientation;
}

/** Decodes one format; must check `maxPixels` itself before it allocates, where it can. */
export type ImageDecoder = (bytes: Uint8Array, options: { maxPixels: number }) => Promise<StoredImage>;

/** Decoders beyond JPEG and PNG: nodeImageDecoders or webImageDecoders, or a caller's own. */
export type ImageDecoders = Readonly<Partial<Record<ImageFormat, ImageDecoder>>>;

/** What decodeImage accepts beside the bytes. */
export interface DecodeOptions {
  /** Turn the picture upright by its EXIF orientation; default true. The released processors do not. */
  readonly applyOrientation?: boolean;
  /** Largest accepted number of pixels; default MAX_PIXELS. */
  readonly maxPixels?: number;
  readonly decoders?: ImageDecoders;
}

/** A decoded picture and where its pixels came from. */
export interface DecodedImage {
  readonly image: RgbImage;
  readonly format: ImageFormat;
  /** Size in the file, before orientation. */
  readonly stored: Size;
  /** Orientation that was applied; 1 where none was. */
  readonly orientation: Orientation;
}

/** Default pixel limit, 2^27 ≈ 134 million: 400 MB of RGB. */
export const MAX_PIXELS = 2 ** 27;

/**
 * Decodes a picture by its magic bytes. JPEG and PNG need nothing; other formats go to `decoders`.
 * Throws ImageFormatError, ImageCorruptError, ImageTruncatedError, ImageTooLargeError, ArgumentError.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<DecodedImage> {
  const { applyOrientation: turns = true, maxPixels = MAX_PIXELS, decoders = {} } = options;
  if (!(maxPixels >= 1)) throw new ArgumentError(`maxPixels is ${maxPixels}.`, "Pass a number of at least 1.");
  const format = sniffFormat(bytes);
  if (format === undefined) throw unknownFormat(bytes);
  const decoder = BUILT_IN[format] ?? decoders[format];
  if (decoder === undefined)
    throw new ImageFormatError(format, `No decoder for ${LABELS[format]} was given.`, hintFor(format));
  const { image: stored, orientation } = await decoder(bytes, { maxPixels });
  if (stored.width * stored.height > maxPixels) throw new ImageTooLargeError(stored.width, stored.height, maxPixels);
  const applied = turns ? orientation : 1;
  return {
    image: applyOrientation(stored, applied),
    format,
    stored: { width: stored.width, height: stored.height },
    orientation: applied,
  };
}

const BUILT_IN: ImageDecoders = {
  jpeg: async (bytes, { maxPixels }) => {
    const { image, exif } = decodeJpeg(bytes, maxPixels);
    return { image, orientation: readOrientation(exif) };
  },
  png: async (bytes, { maxPixels }) => {
    const { image, exif } = await decodePng(bytes, maxPixels);
    return { image, orientation: readOrientation(exif) };
  },
};

const LABELS: Readonly<Record<ImageFormat, string>> = {
  jpeg: "JPEG",
  png: "PNG",
  webp: "WebP",
  gif: "GIF",
  avif: "AVIF",
  heic: "HEIC",
  tiff: "TIFF",
  bmp: "BMP",
  svg: "SVG",
  jxl: "JPEG XL",
  ico: "ICO",
};

function hintFor(format: ImageFormat): string {
  if (format === "heic") return "In Node, run `npm install libheif-js`; or convert the picture to JPEG.";
  if (format === "bmp" || format === "jxl" || format === "ico") return "Convert the picture to PNG or JPEG.";
  return "In Node, run `npm install sharp`; or convert the picture to PNG or JPEG.";
}

function unknownFormat(bytes: Uint8Array): ImageFormatError {
  if (bytes.length === 0)
    return new ImageFormatError(undefined, "The picture is empty: 0 bytes.", "Pass the file's content.");
  const start = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return new ImageFormatError(
    undefined,
    `The ${bytes.length} bytes are no picture that is known here; they start with ${start}.`,
    "Pass a JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF or SVG file. The file's name plays no part.",
  );
}
