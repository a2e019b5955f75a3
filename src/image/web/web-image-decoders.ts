import type { ImageDecoder, ImageDecoders } from "../decode-image.ts";
import { ImageFormatError, ImageTooLargeError } from "../errors.ts";
import type { ImageFormat } from "../image-format.ts";
import { rgbImage } from "../rgb-image.ts";

const MIME_TYPES = {
  webp: "image/webp",
  gif: "image/gif",
  avif: "image/avif",
  svg: "image/svg+xml",
  bmp: "image/bmp",
  tiff: "image/tiff",
  heic: "image/heic",
  jxl: "image/jxl",
  ico: "image/x-icon",
} as const satisfies Partial<Record<ImageFormat, string>>;

/** What the browser itself decodes, through createImageBitmap; works in pages and workers. */
export function webImageDecoders(): ImageDecoders {
  return Object.fromEntries(Object.entries(MIME_TYPES).map(([format, type]) => [format, throughBitmap(format, type)]));
}

function throughBitmap(format: string, type: string): ImageDecoder {
  return async (bytes, { maxPixels }) => {
    const bitmap = await openBitmap(bytes, format, type);
    try {
      const { width, height } = bitmap;
      if (width * height > maxPixels) throw new ImageTooLargeError(width, height, maxPixels);
      const context = new OffscreenCanvas(width, height).getContext("2d", {
        colorSpace: "srgb",
        willReadFrequently: true,
      });
      if (context === null) {
        throw new ImageFormatError(
          format,
          "This browser has no 2-D canvas for decoding.",
          "Convert the picture to PNG.",
        );
      }
      context.drawImage(bitmap, 0, 0);
      const rgba = context.getImageData(0, 0, width, height).data;
      const rgb = new Uint8Array(width * height * 3);
      for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) rgb.set(rgba.subarray(from, from + 3), to);
      // the browser has applied the file's orientation
      return { image: rgbImage(width, height, rgb), orientation: 1 };
    } finally {
      bitmap.close();
    }
  };
}

async function openBitmap(bytes: Uint8Array, format: string, type: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(new Blob([new Uint8Array(bytes)], { type }), {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
  } catch (cause) {
    throw new ImageFormatError(
      format,
      `This browser cannot decode the ${format} picture.`,
      "Convert it to PNG or JPEG, or check that the file is whole.",
      { cause },
    );
  }
}
