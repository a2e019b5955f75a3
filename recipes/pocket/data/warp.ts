import { between, chance, type Random } from "./random.ts";
import type { Box, Pixels } from "./types.ts";

/** Projective map (x, y) → ((a x + b y + c)/w, (d x + e y + f)/w) with w = g x + h y + 1. */
export type Homography = readonly [number, number, number, number, number, number, number, number];

/** A skew of at most 3° and, in some pictures, a camera that was not held level. */
export function randomHomography(random: Random, width: number, height: number, strength: number): Homography {
  const angle = (between(random, -3, 3) * strength * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const shear = between(random, -0.04, 0.04) * strength;
  const tilt = chance(random, 0.5) ? 0.16 * strength : 0;
  const [g, h] = [between(random, -tilt, tilt) / width, between(random, -tilt, tilt) / height];
  // Written around the centre, so that the paper stays in the picture.
  const [cx, cy] = [width / 2, height / 2];
  const [a, b, d, e] = [cos, -sin + shear, sin, cos];
  return compose([1, 0, cx, 0, 1, cy, 0, 0], compose([a, b, 0, d, e, 0, g, h], [1, 0, -cx, 0, 1, -cy, 0, 0]));
}

/** The product p ∘ q. */
function compose(p: Homography, q: Homography): Homography {
  const m = (l: Homography): number[] => [...l, 1];
  const [x, y] = [m(p), m(q)];
  const r = Array.from({ length: 9 }, (_, i) => {
    const [row, column] = [Math.floor(i / 3) * 3, i % 3];
    return x[row] * y[column] + x[row + 1] * y[3 + column] + x[row + 2] * y[6 + column];
  });
  return [r[0] / r[8], r[1] / r[8], r[2] / r[8], r[3] / r[8], r[4] / r[8], r[5] / r[8], r[6] / r[8], r[7] / r[8]];
}

export function mapPoint([a, b, c, d, e, f, g, h]: Homography, x: number, y: number): readonly [number, number] {
  const w = g * x + h * y + 1;
  return [(a * x + b * y + c) / w, (d * x + e * y + f) / w];
}

/** Rectangle around the mapped corners of a rectangle. */
export function mapBox<T extends Box>(map: Homography, box: T): T {
  const corners = [
    mapPoint(map, box.x0, box.y0),
    mapPoint(map, box.x1, box.y0),
    mapPoint(map, box.x0, box.y1),
    mapPoint(map, box.x1, box.y1),
  ];
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return { ...box, x0: Math.min(...xs), y0: Math.min(...ys), x1: Math.max(...xs), y1: Math.max(...ys) };
}

/** Shrinks and moves a map so that `content` stays inside the picture: a printed value must not leave it. */
export function keepInside(
  map: Homography,
  content: Box,
  { width, height }: { readonly width: number; readonly height: number },
): Homography {
  const box = mapBox(map, content);
  const edge = 2;
  const scale = Math.min(1, (width - 2 * edge) / (box.x1 - box.x0), (height - 2 * edge) / (box.y1 - box.y0));
  const move = (low: number, high: number, size: number): number =>
    Math.max(edge - low * scale, Math.min(0, size - edge - high * scale));
  return compose([scale, 0, move(box.x0, box.x1, width), 0, scale, move(box.y0, box.y1, height), 0, 0], map);
}

/** The adjugate, normalised: maps back. */
export function invertHomography([a, b, c, d, e, f, g, h]: Homography): Homography {
  const k = a * e - b * d;
  return [
    (e - f * h) / k,
    (c * h - b) / k,
    (b * f - c * e) / k,
    (f * g - d) / k,
    (a - c * g) / k,
    (c * d - a * f) / k,
    (d * h - e * g) / k,
    (b * g - a * h) / k,
  ];
}

/** Resamples bilinearly: out(map(p)) = in(p). Outside the source the nearest edge pixel goes on, as paper on a like table. */
export function warp(pixels: Pixels, map: Homography): Pixels {
  const { width, height, channels, data } = pixels;
  const [a, b, c, d, e, f, g, h] = invertHomography(map);
  const out = new Uint8Array(data.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // Pixel centres lie at half coordinates.
      const [px, py] = [x + 0.5, y + 0.5];
      const w = 1 / (g * px + h * py + 1);
      const sx = Math.min(Math.max((a * px + b * py + c) * w - 0.5, 0), width - 1);
      const sy = Math.min(Math.max((d * px + e * py + f) * w - 0.5, 0), height - 1);
      const [x0, y0] = [Math.floor(sx), Math.floor(sy)];
      const [fx, fy] = [sx - x0, sy - y0];
      const right = x0 + 1 < width ? channels : 0;
      const down = y0 + 1 < height ? width * channels : 0;
      let at = (y0 * width + x0) * channels;
      for (let n = 0; n < channels; n++, i++, at++) {
        const top = data[at] + (data[at + right] - data[at]) * fx;
        const bottom = data[at + down] + (data[at + down + right] - data[at + down]) * fx;
        out[i] = top + (bottom - top) * fy + 0.5;
      }
    }
  }
  return { width, height, channels, data: out };
}
