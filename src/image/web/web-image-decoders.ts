import type { ImageDecoder, ImageDecoders } from "../decode-image.ts";
import { ImageFormatError, ImageTooLargeError } from "../errors.ts";
import { readOrientation } from "../exif.ts";
import { type RgbImage, rgbImage, type Size } from "../rgb-image.ts";
import { splitWebpExif } from "../webp-exif.ts";

const MIME_TYPES = {
  webp: "image/webp",
  gif: "image/gif",
  avif: "image/avif",
  bmp: "image/bmp",
  tiff: "image/tiff",
  heic: "image/heic",
  jxl: "image/jxl",
  ico: "image/x-icon",
} as const;

/**
 * What the browser itself decodes, in pages and workers; SVG in pages only. A format that this browser lacks (TIFF in
 * Chromium, HEIC outside Safari) throws ImageFormatError.
 */
export function webImageDecoders(): ImageDecoders {
  const entries = Object.entries(MIME_TYPES).map(([format, type]) => [format, throughBitmap(format, type)]);
  const formats: ImageDecoders = Object.fromEntries(entries);
  return { ...formats, webp: turnedByUs(throughBitmap("webp", MIME_TYPES.webp)), svg: throughImageElement };
}

/** Browsers differ in whether they turn a WebP by its Exif data, so they do not get to see it. */
function turnedByUs(decode: ImageDecoder): ImageDecoder {
  return async (file, options) => {
    const { bytes, exif } = splitWebpExif(file);
    const { image } = await decode(bytes, options);
    return { image, orientation: readOrientation(exif) };
  };
}

function throughBitmap(format: string, type: string): ImageDecoder {
  return async (bytes, { maxPixels }) => {
    const bitmap = await createImageBitmap(blobOf(bytes, type), {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    }).catch((cause: unknown) => {
      throw undecodable(format, cause);
    });
    try {
      // the browser has applied the orientation of the container (AVIF, HEIC) or of the file (TIFF)
      return { image: readPixels(bitmap, bitmap, format, maxPixels), orientation: 1 };
    } finally {
      bitmap.close();
    }
  };
}

// createImageBitmap takes no SVG blob; an <img> draws it without running scripts or loading anything else
const throughImageElement: ImageDecoder = async (bytes, { maxPixels }) => {
  if (typeof Image === "undefined") {
    throw new ImageFormatError("svg", "A worker cannot decode SVG.", "Decode it in the page, or convert it to PNG.");
  }
  const url = URL.createObjectURL(blobOf(bytes, "image/svg+xml"));
  try {
    const element = new Image();
    element.src = url;
    await element.decode().catch((cause: unknown) => {
      throw undecodable("svg", cause);
    });
    const size = { width: element.naturalWidth, height: element.naturalHeight };
    return { image: readPixels(element, size, "svg", maxPixels), orientation: 1 };
  } finally {
    URL.revokeObjectURL(url);
  }
};

function readPixels(source: CanvasImageSource, { width, height }: Size, format: string, maxPixels: number): RgbImage {
  if (width * height > maxPixels) throw new ImageTooLargeError(width, height, maxPixels);
  if (width < 1 || height < 1) throw undecodable(format, undefined);
  const context = new OffscreenCanvas(width, height).getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
  if (context === null) {
    throw new ImageFormatError(format, "This browser has no 2-D canvas for decoding.", "Convert the picture to PNG.");
  }
  context.drawImage(source, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgbImage(width, height, rgb);
}

function blobOf(bytes: Uint8Array, type: string): Blob {
  return new Blob([new Uint8Array(bytes)], { type });
}

function undecodable(format: string, cause: unknown): ImageFormatError {
  return new ImageFormatError(
    format,
    `This browser cannot decode the ${format} picture.`,
    "Convert it to PNG or JPEG, or check that the file is whole.",
    { cause },
  );
}
