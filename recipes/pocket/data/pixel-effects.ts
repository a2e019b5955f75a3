import { between, chance, integer, type Random } from "./random.ts";
import type { Pixels } from "./types.ts";

/** An effect changes pixels in place; `strength` runs from 0 (barely visible) to 1 (as bad as it gets while legible). */
export type PixelEffect = (pixels: Pixels, random: Random, strength: number, fontPixels: number) => void;

function clamp(value: number): number {
  return Math.max(0, Math.min(255, value));
}

/** Maps every pixel through one table. */
function remap({ data }: Pixels, curve: (value: number) => number): void {
  const table = Uint8Array.from({ length: 256 }, (_, value) => Math.round(clamp(curve(value))));
  for (let i = 0; i < data.length; i++) data[i] = table[data[i]];
}

/** Multiplies (scale) and lifts (offset) each pixel by a field of its position. */
function shade(pixels: Pixels, field: (x: number, y: number) => number, lift = false): void {
  const { width, height, channels, data } = pixels;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const f = field(x, y);
      for (let c = 0; c < channels; c++, i++) data[i] = clamp(lift ? data[i] + f : data[i] * f);
    }
  }
}

export const lowContrast: PixelEffect = (pixels, random, strength) => {
  const span = 1 - between(random, 0.2, 0.72) * strength;
  const floor = between(random, 0, 255 * (1 - span));
  remap(pixels, (value) => floor + value * span);
};

export const gamma: PixelEffect = (pixels, random, strength) => {
  const power = Math.exp(between(random, -0.6, 0.6) * strength);
  remap(pixels, (value) => 255 * (value / 255) ** power);
};

export const invert: PixelEffect = (pixels) => remap(pixels, (value) => 255 - value);

/** Sensor noise, stronger in some pictures. */
export const noise: PixelEffect = ({ data }, random, strength) => {
  const sigma = between(random, 2, 26) * strength;
  for (let i = 0; i < data.length; i++) {
    // A sum of three uniforms is close enough to a normal and much cheaper.
    const n = (random.next() + random.next() + random.next() - 1.5) * 2;
    data[i] = clamp(data[i] + n * sigma);
  }
};

/** Separable box blur twice, near Gaussian; the radius follows the print so that it stays legible. */
export const blur: PixelEffect = (pixels, random, strength, fontPixels) => {
  const radius = between(random, 0.02, 0.075) * fontPixels * strength;
  for (let pass = 0; pass < 2; pass++) {
    boxBlur(pixels, radius, true);
    boxBlur(pixels, radius, false);
  }
};

/** Movement of the hand: blur along one axis only. */
export const motionBlur: PixelEffect = (pixels, random, strength, fontPixels) => {
  boxBlur(pixels, between(random, 0.03, 0.11) * fontPixels * strength, chance(random, 0.5));
};

function boxBlur({ width, height, channels, data }: Pixels, radius: number, horizontal: boolean): void {
  const whole = Math.floor(radius);
  const edge = radius - whole;
  const weight = 1 / (1 + 2 * radius);
  const [count, length] = horizontal ? [height, width] : [width, height];
  const [across, step] = horizontal ? [width * channels, channels] : [channels, width * channels];
  const line = new Float32Array(length);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      const base = n * across + c;
      for (let i = 0; i < length; i++) line[i] = data[base + i * step];
      const at = (i: number): number => line[i < 0 ? 0 : i >= length ? length - 1 : i];
      let inner = 0;
      for (let i = -whole; i <= whole; i++) inner += at(i);
      for (let i = 0; i < length; i++) {
        data[base + i * step] = (inner + edge * (at(i - whole - 1) + at(i + whole + 1))) * weight + 0.5;
        inner += at(i + whole + 1) - at(i - whole);
      }
    }
  }
}

/** Light falls off towards one side. */
export const shadow: PixelEffect = (pixels, random, strength) => {
  const angle = between(random, 0, 2 * Math.PI);
  const depth = between(random, 0.15, 0.6) * strength;
  const { width, height } = pixels;
  const [dx, dy] = [Math.cos(angle) / width, Math.sin(angle) / height];
  const sharp = between(random, 1, 8);
  const middle = between(random, -0.3, 0.3);
  shade(pixels, (x, y) => {
    const t = ((x - width / 2) * dx + (y - height / 2) * dy - middle) * sharp;
    return 1 - depth / (1 + Math.exp(-t * 2));
  });
};

/** A lamp's reflection: a soft ellipse of light. */
export const glare: PixelEffect = (pixels, random, strength) => {
  const { width, height } = pixels;
  const [cx, cy] = [between(random, 0, width), between(random, 0, height)];
  const [rx, ry] = [between(random, 0.1, 0.5) * width, between(random, 0.1, 0.6) * height];
  const light = between(random, 30, 110) * strength;
  shade(pixels, (x, y) => light * Math.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2), true);
};

/** Coffee rings and blots, only ever darker than the paper. */
export const stains: PixelEffect = (pixels, random, strength) => {
  const { width, height } = pixels;
  const size = Math.max(width, height);
  for (let n = integer(random, 1, 3); n > 0; n--) {
    const [cx, cy, r] = [between(random, 0, width), between(random, 0, height), between(random, 0.05, 0.3) * size];
    const [ring, depth] = [chance(random, 0.5), between(random, 0.08, 0.35) * strength];
    const wobble = between(random, 0, 0.25);
    shade(pixels, (x, y) => {
      const [u, v] = [x - cx, y - cy];
      const d = Math.sqrt(u * u + v * v) / (r * (1 + wobble * Math.sin(3 * Math.atan2(v, u))));
      const cover = ring ? Math.exp(-(((d - 1) * 12) ** 2)) : 1 / (1 + Math.exp((d - 1) * 14));
      return 1 - depth * cover;
    });
  }
};

/** Folds: a bright and a dark flank along a straight line, a little print worn off at the edge. */
export const creases: PixelEffect = (pixels, random, strength, fontPixels) => {
  const { width, height } = pixels;
  for (let n = integer(random, 1, 3); n > 0; n--) {
    const angle = chance(random, 0.7)
      ? between(random, -0.1, 0.1) + (chance(random, 0.6) ? Math.PI / 2 : 0)
      : between(random, 0, Math.PI);
    const [nx, ny] = [Math.cos(angle), Math.sin(angle)];
    const offset = between(random, 0.1, 0.9) * Math.abs(nx * width + ny * height);
    const reach = between(random, 0.2, 1.2) * fontPixels;
    const depth = between(random, 10, 36) * strength * (chance(random, 0.5) ? 1 : -1);
    shade(
      pixels,
      (x, y) => {
        const d = x * nx + y * ny - offset;
        return d > reach * 4 || d < -reach * 4 ? 0 : (d > 0 ? depth : -depth) * Math.exp(-Math.abs(d) / reach);
      },
      true,
    );
  }
};

/** A thermal head's worn elements and an old roll: pale print with vertical streaks and fading bands. */
export const thermalFade: PixelEffect = (pixels, random, strength) => {
  const { width, height, channels, data } = pixels;
  const paleness = between(random, 0.1, 0.6) * strength;
  const columns = Float32Array.from({ length: width }, () =>
    chance(random, 0.015 * strength) ? between(random, 0.3, 0.8) : 0,
  );
  const [period, phase] = [between(random, 0.3, 2) * height, between(random, 0, 6.3)];
  for (let y = 0, i = 0; y < height; y++) {
    const band = paleness * (0.6 + 0.4 * Math.sin((y / period) * 6.3 + phase));
    for (let x = 0; x < width; x++) {
      const keep = 1 - Math.min(band + columns[x], 0.85);
      for (let c = 0; c < channels; c++, i++) data[i] = 255 - (255 - data[i]) * keep;
    }
  }
};

/** Needle print: ink survives only on a grid of dots fine enough to keep the letters. */
export const dotMatrix: PixelEffect = (pixels, random, strength, fontPixels) => {
  const pitch = Math.max(fontPixels / between(random, 9, 13), 2);
  const [px, py] = [between(random, 0, pitch), between(random, 0, pitch)];
  const depth = 0.35 + 0.5 * strength;
  const { width, height, channels, data } = pixels;
  for (let y = 0, i = 0; y < height; y++) {
    const v = Math.cos(((y + py) / pitch) * 2 * Math.PI);
    for (let x = 0; x < width; x++) {
      const u = Math.cos(((x + px) / pitch) * 2 * Math.PI);
      const keep = 1 - depth * (0.5 - 0.25 * (u + v));
      for (let c = 0; c < channels; c++, i++) data[i] = 255 - (255 - data[i]) * keep;
    }
  }
};

/** Fibres and grain of paper: slow and fast random variation. */
export const paperTexture: PixelEffect = (pixels, random, strength) => {
  const depth = between(random, 4, 22) * strength;
  const cell = between(random, 2, 40);
  const grid = 64;
  const values = Float32Array.from({ length: grid * grid }, () => random.next() - 0.5);
  shade(
    pixels,
    (x, y) => {
      const [u, v] = [x / cell, y / cell];
      const [i, j] = [Math.floor(u), Math.floor(v)];
      const [fu, fv] = [u - i, v - j];
      const at = (a: number, b: number): number => values[((b + j) % grid) * grid + ((a + i) % grid)];
      return depth * ((at(0, 0) * (1 - fu) + at(1, 0) * fu) * (1 - fv) + (at(0, 1) * (1 - fu) + at(1, 1) * fu) * fv);
    },
    true,
  );
};

/** Low resolution: the picture was once smaller. */
export const downscale: PixelEffect = (pixels, random, strength, fontPixels) => {
  const factor = 1 + (Math.max(fontPixels / 12, 1) - 1) * strength * random.next();
  if (factor < 1.15) return;
  boxBlur(pixels, (factor - 1) / 2, true);
  boxBlur(pixels, (factor - 1) / 2, false);
};
