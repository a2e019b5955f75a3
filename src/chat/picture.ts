import { ArgumentError } from "../base/errors.ts";
import { decodeImage } from "../image/decode-image.ts";
import type { FileGeometry } from "../image/geometry.ts";
import { type PictureRule, type PreparedPicture, planPicture, preparePicture } from "../image/prepare-picture.ts";
import type { RgbImage } from "../image/rgb-image.ts";
import { pictureTokens } from "../image/token-cost.ts";
import { newSha256 } from "../io/hub/sha256.ts";
import type { ModelDescription } from "../model/minicpmv/version.ts";
import type { ModelRuntime } from "../runtime/model-runtime.ts";
import type { Platform } from "../runtime/platform.ts";
import type { ImagePart, PictureControl } from "./message.ts";

/** Slices that V-4.6's authors recommend for pictures, against 9 of the versions with 14-pixel granules. */
const MOST_SLICES = 36;
const MERGING_GRANULE = 28;

/** A decoded picture with the rule by which it will be cut. */
export interface Picture {
  readonly image: RgbImage;
  readonly file: FileGeometry;
  readonly rule: PictureRule;
}

/** How a version cuts a picture under a caller's settings. */
export function pictureRule({ slicing, encoder }: ModelDescription, control: PictureControl = {}): PictureRule {
  const merged = encoder.patchMultiple;
  const tokens =
    merged === 1
      ? ({ kind: "queries", perView: encoder.tokensPerView({ rows: 32, columns: 32 }) } as const)
      : ({ kind: "merge", mode: merged >= 16 ? "16x" : "4x" } as const);
  const arithmetic = merged === 1 ? "pillow" : "torchvision";
  if (slicing.kind === "fixed") return { partition: { kind: "fixed", side: slicing.side }, arithmetic, tokens };
  const { detail = "auto" } = control;
  const most = slicing.granule >= MERGING_GRANULE ? MOST_SLICES : slicing.maxSlices;
  const maxSlices = control.maxSlices ?? (detail === "high" ? most : slicing.maxSlices);
  if (!Number.isInteger(maxSlices) || maxSlices < 1 || maxSlices > MOST_SLICES) {
    throw new ArgumentError(`maxSlices is ${maxSlices}.`, `Pass a whole number from 1 to ${MOST_SLICES}.`);
  }
  return {
    partition: {
      kind: "sliced",
      granule: slicing.granule,
      maxSlices,
      scaleResolution: slicing.resolution,
      neverSplit: detail === "low" || maxSlices === 1,
    },
    arithmetic,
    tokens,
    patchSize: encoder.config.patchSize,
  };
}

/** Reads and decodes a picture wherever it is. Throws what decodeImage and opening throw. */
export async function readPicture(
  part: ImagePart,
  { runtime, platform }: { readonly runtime: ModelRuntime; readonly platform: Platform },
  signal?: AbortSignal,
): Promise<Picture> {
  const rule = pictureRule(runtime.descriptionFor(part.downsample), part);
  const { image } = part;
  if (isPixels(image)) {
    return { image, rule, file: { stored: { width: image.width, height: image.height }, orientation: 1 } };
  }
  const bytes = await readBytes(image, platform, signal);
  const decoded = await decodeImage(bytes, {
    decoders: platform.imageDecoders,
    ...(part.applyOrientation === undefined ? {} : { applyOrientation: part.applyOrientation }),
  });
  return { image: decoded.image, rule, file: { stored: decoded.stored, orientation: decoded.orientation } };
}

function isPixels(image: ImagePart["image"]): image is RgbImage {
  return typeof image === "object" && "width" in image && "data" in image;
}

async function readBytes(
  image: Exclude<ImagePart["image"], RgbImage>,
  platform: Platform,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (image instanceof Uint8Array) return image;
  if (image instanceof ArrayBuffer) return new Uint8Array(image);
  const source = await platform.open(image, signal);
  try {
    return await source.read(0, source.sizeBytes, signal);
  } finally {
    await source.close();
  }
}

/** Tokens of a picture, markers left out, from its size alone. */
export function pictureCost({ image, rule }: Picture): number {
  return pictureTokens(planPicture(image, rule), rule.tokens);
}

/** Cuts a picture into patches. */
export function cutPicture({ image, rule }: Picture): PreparedPicture {
  return preparePicture(image, rule);
}

/** Name of a picture's pixels and of how they are cut; equal names give equal rows from one model. */
export async function pictureKey({ image, rule }: Picture): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  const bytes = new Uint8Array(image.data);
  // insecure pages have no crypto.subtle
  const hash = subtle === undefined ? hashSlowly(bytes) : hex(new Uint8Array(await subtle.digest("SHA-256", bytes)));
  return `${hash} ${image.width}×${image.height} ${JSON.stringify(rule)}`;
}

function hashSlowly(bytes: Uint8Array): string {
  const digest = newSha256();
  digest.update(bytes);
  return digest.hex();
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
