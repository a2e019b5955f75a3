/** How the components of a JPEG are to be read. */
export type JpegColor = "gray" | "rgb" | "ycc" | "cmyk" | "ycck";

/** What the markers say about colour. */
export interface ColorMarks {
  readonly componentIds: readonly number[];
  readonly hasJfif: boolean;
  /** Transform byte of Adobe's APP14, undefined without that marker. */
  readonly adobeTransform: number | undefined;
}

/** Colour model by libjpeg's rules: JFIF before Adobe before component ids; undefined for two components. */
export function jpegColor({ componentIds, hasJfif, adobeTransform }: ColorMarks): JpegColor | undefined {
  if (componentIds.length === 1) return "gray";
  if (componentIds.length === 4) {
    if (adobeTransform === undefined) return "cmyk";
    return adobeTransform === 0 ? "cmyk" : "ycck";
  }
  if (componentIds.length !== 3) return undefined;
  if (hasJfif) return "ycc";
  if (adobeTransform !== undefined) return adobeTransform === 0 ? "rgb" : "ycc";
  return String.fromCharCode(...componentIds) === "RGB" ? "rgb" : "ycc";
}

/** Writes one row of RGB from component rows. */
export type RowPainter = (rows: readonly Uint8Array[], width: number, out: Uint8ClampedArray, at: number) => void;

/** One painter per colour model. CMYK is read inverted as Adobe writes it and as Pillow assumes. */
export const ROW_PAINTERS: Readonly<Record<JpegColor, RowPainter>> = {
  gray: ([gray], width, out, at) => {
    for (let x = 0, to = at; x < width; x++, to += 3) out.fill(gray[x], to, to + 3);
  },
  rgb: ([red, green, blue], width, out, at) => {
    for (let x = 0, to = at; x < width; x++, to += 3) {
      out[to] = red[x];
      out[to + 1] = green[x];
      out[to + 2] = blue[x];
    }
  },
  ycc: ([luma, blueness, redness], width, out, at) => {
    for (let x = 0, to = at; x < width; x++, to += 3) {
      const y = luma[x];
      out[to] = y + RED_OF_CR[redness[x]];
      out[to + 1] = y + ((GREEN_OF_CB[blueness[x]] + GREEN_OF_CR[redness[x]]) >> 16);
      out[to + 2] = y + BLUE_OF_CB[blueness[x]];
    }
  },
  cmyk: ([cyan, magenta, yellow, black], width, out, at) => {
    for (let x = 0, to = at; x < width; x++, to += 3) {
      const light = black[x];
      out[to] = light - scaled(255 - cyan[x], light);
      out[to + 1] = light - scaled(255 - magenta[x], light);
      out[to + 2] = light - scaled(255 - yellow[x], light);
    }
  },
  ycck: ([luma, blueness, redness, black], width, out, at) => {
    ROW_PAINTERS.ycc([luma, blueness, redness], width, out, at);
    // the stored ink is 255 − RGB, so RGB is the complement that `cmyk` takes away
    for (let x = 0, to = at; x < width; x++, to += 3) {
      const light = black[x];
      for (let i = to; i < to + 3; i++) out[i] = light - scaled(out[i], light);
    }
  },
};

// a · b / 255, rounded, in integers
function scaled(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// BT.601 full range in 16-bit fixed point, rounded as JFIF decoders do
const RED_OF_CR = chroma((x) => (fixed(1.402) * x + 32768) >> 16);
const BLUE_OF_CB = chroma((x) => (fixed(1.772) * x + 32768) >> 16);
const GREEN_OF_CR = chroma((x) => -fixed(0.71414) * x);
const GREEN_OF_CB = chroma((x) => -fixed(0.34414) * x + 32768);

function chroma(value: (centred: number) => number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, i) => value(i - 128));
}

function fixed(value: number): number {
  return Math.floor(value * 65536 + 0.5);
}
