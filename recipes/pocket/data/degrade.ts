import { type Degraded, onTable } from "./background.ts";
import { jpegLoss } from "./jpeg-effect.ts";
import {
  blur,
  creases,
  dotMatrix,
  gamma,
  glare,
  invert,
  lowContrast,
  motionBlur,
  noise,
  type PixelEffect,
  paperTexture,
  shadow,
  stains,
  thermalFade,
} from "./pixel-effects.ts";
import { between, chance, type Random } from "./random.ts";
import { unionBox } from "./scene.ts";
import { keepInside, mapBox, randomHomography, warp } from "./warp.ts";

/** Wear that only some kinds of paper show. */
export type Printer = "offset" | "thermal" | "needle";

interface Step {
  readonly effect: PixelEffect;
  /** Probability at full degradation. */
  readonly probability: number;
}

// In the order a real picture suffers them: printing, handling, light, camera.
const printing: Readonly<Record<Printer, readonly Step[]>> = {
  offset: [],
  thermal: [{ effect: thermalFade, probability: 0.6 }],
  needle: [{ effect: dotMatrix, probability: 0.9 }],
};
const handling: readonly Step[] = [
  { effect: paperTexture, probability: 0.4 },
  { effect: stains, probability: 0.15 },
  { effect: creases, probability: 0.25 },
];
const light: readonly Step[] = [
  { effect: shadow, probability: 0.35 },
  { effect: glare, probability: 0.15 },
  { effect: lowContrast, probability: 0.35 },
  { effect: gamma, probability: 0.3 },
];
const camera: readonly Step[] = [
  { effect: blur, probability: 0.5 },
  { effect: motionBlur, probability: 0.15 },
  { effect: noise, probability: 0.5 },
  { effect: jpegLoss, probability: 0.45 },
];

export interface DegradeOptions {
  readonly strength: number;
  readonly printer: Printer;
  /** Probability of white on black. */
  readonly inverted: number;
  /** Probability that the page lies on a table and its edges are seen. */
  readonly background: number;
  /** Smallest font size of the picture: effects stay below what would erase it. */
  readonly fontPixels: number;
}

/** Wears a clean drawing; character boxes follow the bent paper. The pixels given are reused. */
export function degrade(clean: Degraded, random: Random, options: DegradeOptions): Degraded {
  let { pixels, characters } = clean;
  const { strength, fontPixels } = options;
  const apply = (steps: readonly Step[]): void => {
    for (const { effect, probability } of steps) {
      // Both chance and amount grow with the curriculum.
      if (chance(random, probability * Math.min(1, strength * 1.5)))
        effect(pixels, random, strength * between(random, 0.3, 1), fontPixels);
    }
  };
  if (chance(random, options.inverted)) invert(pixels, random, 1, fontPixels);
  apply(printing[options.printer]);
  apply(handling);
  if (chance(random, options.background * Math.min(1, strength * 1.5)))
    ({ pixels, characters } = onTable(random, { pixels, characters }, fontPixels));
  if (chance(random, 0.6 * Math.min(1, strength * 2))) {
    const bent = randomHomography(random, pixels.width, pixels.height, strength * between(random, 0.2, 1));
    const map = characters.length > 0 ? keepInside(bent, unionBox(characters), pixels) : bent;
    pixels = warp(pixels, map);
    characters = characters.map((character) => mapBox(map, character));
  }
  apply(light);
  apply(camera);
  return { pixels, characters };
}
