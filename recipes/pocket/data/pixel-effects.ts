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

interface Region {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** Adds `field(x, y)` to each pixel of a region; 0 leaves it alone. */
function lift(
  { width, height, channels, data }: Pixels,
  field: (x: number, y: number) => number,
  region?: Region,
): void {
  const { x0, y0, x1, y1 } = region ?? { x0: 0, y0: 0, x1: width, y1: height };
  for (let y = Math.max(0, Math.floor(y0)); y < Math.min(height, y1); y++) {
    for (let x = Math.max(0, Math.floor(x0)); x < Math.min(width, x1); x++) {
      const f = field(x, y);
      if (f === 0) continue;
      const i = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) data[i + c] = clamp(data[i + c] + f);
    }
  }
}

/** Multiplies each pixel of a region by `field(x, y)`, at most 1. */
function dim(
  { width, height, channels, data }: Pixels,
  field: (x: number, y: number) => number,
  region?: Region,
): void {
  const { x0, y0, x1, y1 } = region ?? { x0: 0, y0: 0, x1: width, y1: height };
  for (let y = Math.max(0, Math.floor(y0)); y < Math.min(height, y1); y++) {
    for (let x = Math.max(0, Math.floor(x0)); x < Math.min(width, x1); x++) {
      const f = field(x, y);
      const i = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) data[i + c] *= f;
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
  // The sum of a draw's four bytes: mean 510, deviation 147.8, close enough to a normal for one draw a pixel.
  const scale = sigma / 147.8;
  for (let i = 0; i < data.length; i++) {
    const bits = Math.floor(random.next() * 2 ** 32);
    const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
    data[i] = clamp(data[i] + (sum - 510) * scale);
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
  // The line with its end pixels repeated, so that the inner loop has no bounds to test.
  const pad = whole + 1;
  const line = new Float32Array(length + 2 * pad);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < channels; c++) {
      const base = n * across + c;
      for (let i = 0; i < length; i++) line[i + pad] = data[base + i * step];
      line.fill(line[pad], 0, pad);
      line.fill(line[pad + length - 1], pad + length);
      let inner = 0;
      for (let i = pad - whole; i <= pad + whole; i++) inner += line[i];
      for (let i = 0, j = pad; i < length; i++, j++) {
        data[base + i * step] = (inner + edge * (line[j - pad] + line[j + pad])) * weight + 0.5;
        inner += line[j + pad] - line[j - whole];
      }
    }
  }
}

/** Light falls off towards one side. */
export const shadow: PixelEffect = (pixels, random, strength) => {
  const angle = between(random, 0, 2 * Math.PI);
  const depth = between(random, 0.15, 0.6) * strength;
  const { width, height } = pixels;
  const sharp = between(random, 1, 8);
  const [dx, dy] = [(Math.cos(angle) / width) * sharp, (Math.sin(angle) / height) * sharp];
  const start = -between(random, -0.3, 0.3) * sharp - (width / 2) * dx - (height / 2) * dy;
  // The logistic curve over [-8, 8], 32 steps a unit.
  const curve = Float32Array.from({ length: 513 }, (_, i) => 1 - depth / (1 + Math.exp(-(i / 32 - 8) * 2)));
  dim(pixels, (x, y) => curve[Math.max(0, Math.min(512, Math.round((start + x * dx + y * dy) * 32 + 256)))]);
};

/** A lamp's reflection: a soft ellipse of light. */
export const glare: PixelEffect = (pixels, random, strength) => {
  const { width, height } = pixels;
  const [cx, cy] = [between(random, 0, width), between(random, 0, height)];
  const [rx, ry] = [between(random, 0.1, 0.5) * width, between(random, 0.1, 0.6) * height];
  const light = between(random, 30, 110) * strength;
  const bell = (length: number, centre: number, radius: number): Float32Array =>
    Float32Array.from({ length }, (_, i) => Math.exp(-(((i - centre) / radius) ** 2)));
  const [across, down] = [bell(width, cx, rx), bell(height, cy, ry)];
  lift(pixels, (x, y) => light * across[x] * down[y]);
};

/** Coffee rings and blots, only ever darker than the paper. */
export const stains: PixelEffect = (pixels, random, strength) => {
  const { width, height } = pixels;
  const size = Math.max(width, height);
  for (let n = integer(random, 1, 3); n > 0; n--) {
    const [cx, cy, r] = [between(random, 0, width), between(random, 0, height), between(random, 0.05, 0.3) * size];
    const [ring, depth] = [chance(random, 0.5), between(random, 0.08, 0.35) * strength];
    const wobble = between(random, 0, 0.25);
    const reach = r * 1.75;
    const around = { x0: cx - reach, y0: cy - reach, x1: cx + reach, y1: cy + reach };
    const cover = (x: number, y: number): number => {
      const [u, v] = [x - cx, y - cy];
      const d = Math.sqrt(u * u + v * v) / (r * (1 + wobble * Math.sin(3 * Math.atan2(v, u))));
      if (d > 1.4) return 1;
      return 1 - depth * (ring ? Math.exp(-(((d - 1) * 12) ** 2)) : 1 / (1 + Math.exp((d - 1) * 14)));
    };
    dim(pixels, cover, around);
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
    lift(pixels, (x, y) => {
      const d = x * nx + y * ny - offset;
      return d > reach * 4 || d < -reach * 4 ? 0 : (d > 0 ? depth : -depth) * Math.exp(-Math.abs(d) / reach);
    });
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
  const columns = Float32Array.from({ length: width }, (_, x) => Math.cos(((x + px) / pitch) * 2 * Math.PI));
  for (let y = 0, i = 0; y < height; y++) {
    const v = Math.cos(((y + py) / pitch) * 2 * Math.PI);
    for (let x = 0; x < width; x++) {
      const keep = 1 - depth * (0.5 - 0.25 * (columns[x] + v));
      for (let c = 0; c < channels; c++, i++) data[i] = 255 - (255 - data[i]) * keep;
    }
  }
};

/** Fibres and grain of paper: slow and fast random variation. */
export const paperTexture: PixelEffect = (pixels, random, strength) => {
  const depth = between(random, 4, 22) * strength;
  const cell = between(random, 2, 40);
  const grid = 64;
  const values = Float32Array.from({ length: grid * grid }, () => (random.next() - 0.5) * depth);
  // One row between two grid rows, interpolated down once and then across for each pixel.
  const row = new Float32Array(grid + 1);
  let current = -1;
  lift(pixels, (x, y) => {
    if (y !== current) {
      current = y;
      const [j, fv] = [Math.floor(y / cell), (y / cell) % 1];
      for (let i = 0; i <= grid; i++) {
        const [above, below] = [values[(j % grid) * grid + (i % grid)], values[((j + 1) % grid) * grid + (i % grid)]];
        row[i] = above + (below - above) * fv;
      }
    }
    const u = x / cell;
    const i = Math.floor(u) % grid;
    return row[i] + (row[i + 1] - row[i]) * (u % 1);
  });
};
