import type { Printer } from "./degrade.ts";
import type { Random } from "./random.ts";
import type { Scene } from "./scene.ts";
import type { Splits, Stage } from "./types.ts";

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
