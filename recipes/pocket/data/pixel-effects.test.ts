import { expect, test } from "vitest";
import { jpegLoss } from "./jpeg-effect.ts";
import { blur } from "./pixel-effects.ts";
import { sampleRandom } from "./random.ts";
import type { Pixels } from "./types.ts";
import { invertHomography, mapPoint, randomHomography } from "./warp.ts";

function ramp(width: number, height: number): Pixels {
  return {
    width,
    height,
    channels: 1,
    data: Uint8Array.from({ length: width * height }, (_, i) => (i % width) * 3 + Math.floor(i / width) * 2),
  };
}

// Would catch a wrong cosine or sign in the fast transform: smooth pictures survive JPEG nearly unchanged.
test("mild JPEG loss changes a smooth picture by little", () => {
  const pixels = ramp(36, 27);
  const before = Float64Array.from(pixels.data);
  jpegLoss(pixels, sampleRandom(1, 1), 0.01, 20);
  const worst = Math.max(...pixels.data.map((value, i) => Math.abs(value - before[i])));
  expect(worst).toBeLessThanOrEqual(4);
});

// Would catch a blur that darkens, lightens or shifts.
test("blur keeps a flat picture flat and a ramp in place", () => {
  const flat: Pixels = { width: 20, height: 10, channels: 1, data: new Uint8Array(200).fill(77) };
  blur(flat, sampleRandom(2, 1), 1, 40);
  expect(new Set(flat.data)).toEqual(new Set([77]));
  const slope = ramp(40, 20);
  const middle = slope.data[10 * 40 + 20];
  blur(slope, sampleRandom(2, 1), 1, 30);
  expect(Math.abs(slope.data[10 * 40 + 20] - middle)).toBeLessThanOrEqual(1);
});

// Would catch boxes that follow another map than the pixels.
test("a homography and its inverse cancel", () => {
  const map = randomHomography(sampleRandom(3, 1), 300, 200, 1);
  const back = invertHomography(map);
  for (const [x, y] of [
    [0, 0],
    [300, 0],
    [120, 60],
    [300, 200],
  ]) {
    const [u, v] = mapPoint(back, ...mapPoint(map, x, y));
    expect(u).toBeCloseTo(x, 6);
    expect(v).toBeCloseTo(y, 6);
  }
});
