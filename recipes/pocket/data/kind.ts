import type { Printer } from "./degrade.ts";
import type { Random } from "./random.ts";
import type { Scene } from "./scene.ts";
import { templateSplits } from "./template-splits.ts";
import type { Split, Splits, Stage } from "./types.ts";

export interface KindContext {
  readonly random: Random;
  readonly stage: Stage;
  readonly splits: Splits;
}

/** A scene ready to draw, with what the degradations must know. */
export interface Composed {
  readonly scene: Scene;
  readonly template: string;
  readonly printer: Printer;
  /** Smallest font size in the scene. */
  readonly fontPixels: number;
  readonly inverted: number;
}

export type Compose = (context: KindContext) => Composed;

/** Templates of one split among `names`; the held-out ones are fixed in template-splits.ts. */
export function templatesOf(names: readonly string[], split: Split): readonly string[] {
  const reserved = new Set([...templateSplits.heldOut, ...templateSplits.validation]);
  const chosen =
    split === "train"
      ? names.filter((name) => !reserved.has(name))
      : names.filter((name) => templateSplits[split].includes(name));
  // A kind without templates of its own in this split is drawn from the training ones.
  return chosen.length > 0 ? chosen : names.filter((name) => !reserved.has(name));
}
