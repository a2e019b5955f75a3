import type { ImageDecoder, ImageDecoders } from "../decode-image.ts";
import { ImageCorruptError, ImageFormatError, ImageTooLargeError } from "../errors.ts";
import { isOrientation } from "../exif.ts";
import { rgbImage } from "../rgb-image.ts";

/**
 * WebP, GIF (first frame), AVIF, TIFF and SVG through the optional peer `sharp`, HEIC through `libheif-js`. Either is
 * loaded when first needed; absent, decoding throws an ImageFormatError that names it.
 */
export function nodeImageDecoders(): ImageDecoders {
  return {
    webp: throughSharp("WebP"),
    gif: throughSharp("GIF"),
    avif: throughSharp("AVIF"),
    tiff: throughSharp("TIFF"),
    svg: throughSharp("SVG"),
    heic: decodeHeic,
  };
}

function throughSharp(label: string): ImageDecoder {
  return async (bytes, { maxPixels }) => {
    const sharp = await loadSharp(label);
    const source = sharp(bytes, { limitInputPixels: false, pages: 1, failOn: "truncated" });
    try {
      const { width, height, orientation = 1 } = await source.metadata();
      if (width * height > maxPixels) throw new ImageTooLargeError(width, height, maxPixels);
      // Pillow's convert("RGB") drops alpha without blending; grayscale and CMYK become sRGB
      const { data, info } = await source
        .toColourspace("srgb")
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      const pixels = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const rgb = info.channels === 1 ? tripled(pixels) : pixels;
      // sharp's own reading: TIFF tells it without Exif, and AVIF has been turned by its container although Exif says so again
      return {
        image: rgbImage(info.width, info.height, rgb),
        orientation: isOrientation(orientation) ? orientation : 1,
      };
    } catch (cause) {
      if (cause instanceof ImageTooLargeError) throw cause;
      throw new ImageCorruptError(`The ${label} picture cannot be decoded: ${messageOf(cause)}.`, { cause });
    }
  };
}

async function loadSharp(label: string) {
  try {
    return (await import("sharp")).default;
  } catch (cause) {
    throw new ImageFormatError(
      label.toLowerCase(),
      `${label} pictures need the package sharp, which is not installed.`,
      "Run `npm install sharp`, or convert the picture to PNG or JPEG.",
      { cause },
    );
  }
}

const decodeHeic: ImageDecoder = async (bytes, { maxPixels }) => {
  const libheif = await loadLibheif();
  const [picture] = new libheif.HeifDecoder().decode(bytes);
  if (picture === undefined) throw new ImageCorruptError("The HEIC file holds no picture that can be decoded.");
  const [width, height] = [picture.get_width(), picture.get_height()];
  try {
    if (width * height > maxPixels) throw new ImageTooLargeError(width, height, maxPixels);
    const rgba = new Uint8ClampedArray(width * height * 4);
    const filled = await new Promise<boolean>((resolve) => {
      picture.display({ data: rgba, width, height }, (result) => resolve(result !== null));
    });
    if (!filled) throw new ImageCorruptError("The HEIC picture's data cannot be decoded.");
    // libheif has already turned the picture by its own transform boxes
    return { image: rgbImage(width, height, withoutAlpha(rgba)), orientation: 1 };
  } finally {
    picture.free();
  }
};

// the part of libheif-js that is used; the package has no types
interface Libheif {
  HeifDecoder: new () => { decode(bytes: Uint8Array): readonly HeifPicture[] };
}
interface HeifPicture {
  get_width(): number;
  get_height(): number;
  display(
    target: { data: Uint8ClampedArray; width: number; height: number },
    done: (result: object | null) => void,
  ): void;
  free(): void;
}

async function loadLibheif(): Promise<Libheif> {
  try {
    const name: string = "libheif-js/wasm-bundle.js"; // a plain string keeps bundlers from resolving an optional package
    const loaded: { default: Libheif } = await import(name);
    return loaded.default;
  } catch (cause) {
    throw new ImageFormatError(
      "heic",
      "HEIC pictures need the package libheif-js, which is not installed.",
      "Run `npm install libheif-js`, or convert the picture to JPEG.",
      { cause },
    );
  }
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}

function tripled(gray: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: gray.length * 3 }, (_, i) => gray[Math.floor(i / 3)]);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
