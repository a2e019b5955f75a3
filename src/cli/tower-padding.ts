import type { GgufValue } from "../weights/gguf/value.ts";
import { blockFormat } from "../weights/quant/formats.ts";
import type { TensorPlace } from "../weights/tensor-place.ts";

const WIDTH_KEY = "clip.vision.embedding_length";
const FEED_FORWARD_KEY = "clip.vision.feed_forward_length";
const FEED_FORWARD = /(^|\.)(ds_)?ffn_(up|down)\.(weight|bias)$/;
/** V-4.6 merges 2×2 patches, so that its early merger is four times as wide as a block. */
const MERGED = /(^|\.)ds_ffn_/;
const MERGED_PATCHES = 4;

/** A tower whose feed-forward layers are wide enough for whole 8-bit blocks. */
export interface PaddedTower {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Of each tensor, in the order given. */
  readonly shapes: readonly (readonly number[])[];
}

/**
 * Widens the feed-forward layers of a tower to a multiple of 32, as SigLIP's 4304 to 4320: rows of no whole blocks would have to stay
 * in 16 bit, a quarter of the file. What is added is zero: a neuron with zero weights and no bias gives GELU(0) = 0, and is read with
 * weight zero, so no value changes.
 */
export function padTower(metadata: ReadonlyMap<string, GgufValue>, places: readonly TensorPlace[]): PaddedTower {
  const [entry, width] = [metadata.get(FEED_FORWARD_KEY), metadata.get(WIDTH_KEY)];
  const { elements } = blockFormat("Q8_0");
  const isPadded =
    entry?.type === "u32" && width?.type === "u32" && entry.value % elements !== 0 && entry.value !== width.value;
  if (!isPadded) return { metadata, shapes: places.map(({ shape }) => shape) };
  const narrow = entry.value;
  const wide = Math.ceil(narrow / elements) * elements;
  const shapes = places.map(({ name, shape }) => {
    if (!FEED_FORWARD.test(name)) return shape;
    const times = MERGED.test(name) ? MERGED_PATCHES : 1;
    return shape.map((size) => (size === times * narrow ? times * wide : size));
  });
  return { metadata: new Map(metadata).set(FEED_FORWARD_KEY, { type: "u32", value: wide }), shapes };
}
