import { between, chance, integer, pick, type Random } from "./random.ts";
import type { Character, Pixels } from "./types.ts";

export interface Degraded {
  readonly pixels: Pixels;
  readonly characters: readonly Character[];
}

/** Brightness of a table top at each place: wood, stone, cloth or a plain colour. */
function tableTop(random: Random): (x: number, y: number) => number {
  const base = between(random, 15, 235);
  const depth = between(random, 4, 40);
  const [fx, fy] = [between(random, 0.002, 0.02), between(random, 0.02, 0.25)];
  const [p, q] = [between(random, 0, 6.3), between(random, 0, 6.3)];
  const kind = pick(random, ["plain", "wood", "cloth", "marble"] as const);
  if (kind === "plain") return () => base;
  if (kind === "wood") return (x, y) => base + depth * 0.4 * Math.sin(y * fy + 3 * Math.sin(x * fx + p) + q);
  if (kind === "cloth") return (x, y) => base + depth * 0.5 * (Math.sin(x * fy * 3 + p) + Math.sin(y * fy * 3 + q));
  return (x, y) =>
    base + depth * Math.sin(x * fx + 2 * Math.sin(y * fx * 1.7 + p) + 1.5 * Math.sin((x + y) * fx * 0.6 + q));
}

/** Lays a sheet on a table: edges, a soft shadow of the paper, and something else around it. */
export function onTable(random: Random, { pixels, characters }: Degraded, fontPixels: number): Degraded {
  const { width: w, height: h, channels, data } = pixels;
  const side = (): number => integer(random, Math.ceil(fontPixels * 0.3), Math.ceil(Math.min(w, h) * 0.16));
  const [left, top, right, bottom] = [side(), side(), side(), side()];
  const [width, height] = [w + left + right, h + top + bottom];
  const table = tableTop(random);
  const tint =
    channels === 3 && chance(random, 0.8) ? [between(random, 0.85, 1.15), 1, between(random, 0.7, 1.1)] : [1, 1, 1];
  const out = new Uint8Array(width * height * channels);
  const reach = between(random, 2, fontPixels * 0.6);
  const dark = between(random, 0, 0.6);
  for (let y = 0, i = 0; y < height; y++) {
    const outsideY = Math.max(top - y, y - (top + h - 1), 0);
    for (let x = 0; x < width; x++) {
      const outsideX = Math.max(left - x, x - (left + w - 1), 0);
      if (outsideX === 0 && outsideY === 0) {
        const from = ((y - top) * w + x - left) * channels;
        for (let c = 0; c < channels; c++, i++) out[i] = data[from + c];
        continue;
      }
      const value = table(x, y) * (1 - dark * Math.exp(-(outsideX + outsideY) / reach));
      for (let c = 0; c < channels; c++, i++) out[i] = Math.max(0, Math.min(255, value * tint[c]));
    }
  }
  const moved = characters.map((character) => ({
    ...character,
    x0: character.x0 + left,
    x1: character.x1 + left,
    y0: character.y0 + top,
    y1: character.y1 + top,
  }));
  return { pixels: { width, height, channels, data: out }, characters: moved };
}
