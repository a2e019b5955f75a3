import type { PixelEffect } from "./pixel-effects.ts";
import { between } from "./random.ts";

// ITU-T T.81, table K.1 (luminance).
const luminance = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

const block = new Float32Array(64);

// cos(k π / 16) / 2, the entries of the orthonormal 8-point transform.
const [c1, c2, c3, c4, c5, c6, c7] = Array.from({ length: 7 }, (_, i) => Math.cos(((i + 1) * Math.PI) / 16) / 2);

/** One 8-point DCT in place over `block[at + i * step]`, by its even and odd halves. */
function forward(at: number, step: number): void {
  const b = block;
  const [i1, i2, i3, i4, i5, i6, i7] = [
    at + step,
    at + 2 * step,
    at + 3 * step,
    at + 4 * step,
    at + 5 * step,
    at + 6 * step,
    at + 7 * step,
  ];
  const [s0, s1, s2, s3] = [b[at] + b[i7], b[i1] + b[i6], b[i2] + b[i5], b[i3] + b[i4]];
  const [d0, d1, d2, d3] = [b[at] - b[i7], b[i1] - b[i6], b[i2] - b[i5], b[i3] - b[i4]];
  b[at] = (s0 + s1 + s2 + s3) * c4;
  b[i4] = (s0 - s1 - s2 + s3) * c4;
  b[i2] = (s0 - s3) * c2 + (s1 - s2) * c6;
  b[i6] = (s0 - s3) * c6 - (s1 - s2) * c2;
  b[i1] = d0 * c1 + d1 * c3 + d2 * c5 + d3 * c7;
  b[i3] = d0 * c3 - d1 * c7 - d2 * c1 - d3 * c5;
  b[i5] = d0 * c5 - d1 * c1 + d2 * c7 + d3 * c3;
  b[i7] = d0 * c7 - d1 * c5 + d2 * c3 - d3 * c1;
}

/** The inverse (transpose) of `forward`. */
function inverse(at: number, step: number): void {
  const b = block;
  const [i1, i2, i3, i4, i5, i6, i7] = [
    at + step,
    at + 2 * step,
    at + 3 * step,
    at + 4 * step,
    at + 5 * step,
    at + 6 * step,
    at + 7 * step,
  ];
  const [p, q] = [(b[at] + b[i4]) * c4, (b[at] - b[i4]) * c4];
  const [r, s] = [b[i2] * c2 + b[i6] * c6, b[i2] * c6 - b[i6] * c2];
  const [x1, x3, x5, x7] = [b[i1], b[i3], b[i5], b[i7]];
  const o0 = x1 * c1 + x3 * c3 + x5 * c5 + x7 * c7;
  const o1 = x1 * c3 - x3 * c7 - x5 * c1 - x7 * c5;
  const o2 = x1 * c5 - x3 * c1 + x5 * c7 + x7 * c3;
  const o3 = x1 * c7 - x3 * c5 + x5 * c3 - x7 * c1;
  b[at] = p + r + o0;
  b[i7] = p + r - o0;
  b[i1] = q + s + o1;
  b[i6] = q + s - o1;
  b[i2] = q - s + o2;
  b[i5] = q - s - o2;
  b[i3] = p - r + o3;
  b[i4] = p - r - o3;
}

function transform(pass: (at: number, step: number) => void): void {
  for (let i = 0; i < 8; i++) pass(i * 8, 1);
  for (let i = 0; i < 8; i++) pass(i, 8);
}

/**
 * JPEG's loss without a codec: 8×8 DCT, quantised and back. Synchronous and equal on every machine.
 * Channels are treated alike, so colour is kept better than 4:2:0 would.
 */
export const jpegLoss: PixelEffect = ({ width, height, channels, data }, random, strength) => {
  const quality = 95 - between(random, 0.2, 1) * 70 * strength;
  const scale = quality < 50 ? 50 / quality : 2 - quality / 50;
  const steps = luminance.map((q) => Math.max(1, Math.min(255, q * scale)));
  for (let c = 0; c < channels; c++) {
    for (let by = 0; by < height; by += 8) {
      for (let bx = 0; bx < width; bx += 8) {
        for (let i = 0; i < 64; i++) {
          const x = Math.min(bx + (i & 7), width - 1);
          const y = Math.min(by + (i >> 3), height - 1);
          block[i] = data[(y * width + x) * channels + c] - 128;
        }
        transform(forward);
        for (let i = 0; i < 64; i++) block[i] = Math.round(block[i] / steps[i]) * steps[i];
        transform(inverse);
        for (let i = 0; i < 64; i++) {
          const x = bx + (i & 7);
          const y = by + (i >> 3);
          if (x < width && y < height)
            data[(y * width + x) * channels + c] = Math.max(0, Math.min(255, block[i] + 128.5));
        }
      }
    }
  }
};
