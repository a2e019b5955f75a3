import type { ModelSource } from "../source/model-source.ts";
import { NOT_SHOWN, OUT_OF_SCOPE } from "./pocket-sentences.ts";
import { describeV26 } from "./v2-6.ts";
import type { ModelDescription, ReaderTraits } from "./version.ts";

/** Name that the built-in model's files carry, so that nobody takes it for a release. */
const POCKET_NAME = "minicpmv/pocket";

/** Slices of a view's area that a receipt of fifty lines needs at 20 pixels a line. */
const MOST_SLICES = 16;

const READER: ReaderTraits = { id: "pocket", outOfScope: OUT_OF_SCOPE, notShown: NOT_SHOWN };

/** True for files that this project's own recipe wrote. */
export function isPocket({ name }: ModelSource): boolean {
  return name === POCKET_NAME;
}

/**
 * The small model that this project trains: V-2.6's architecture over smaller views, prompts without a system turn,
 * greedy by default because it reads and does not write.
 */
export function describePocket(source: ModelSource): ModelDescription {
  const family = describeV26(source);
  return {
    ...family,
    title: "pocket, the built-in reader of printed text",
    reader: READER,
    slicing: {
      kind: "adaptive",
      granule: family.encoder.config.patchSize,
      maxSlices: MOST_SLICES,
      resolution: source.resolution,
    },
    template: "pocket",
    generation: { temperature: 0, topP: 1, topK: 0, repetitionPenalty: 1, maxNewTokens: 1024 },
  };
}
