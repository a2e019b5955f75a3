import type { PixelEffect } from "./pixel-effects.ts";
import { between } from "./random.ts";

// ITU-T T.81, table K.1 (luminance).
const luminance = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

const basis = Float32Array.from({ length: 64 }, (_, i) => {
  const [k, n] = [i >> 3, i & 7];
  return (k === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * n + 1) * k * Math.PI) / 16);
});

const block = new Float32Array(64);
const scratch = new Float32Array(64);

/** out[k, m] = Σ_n a[k, n] · block[n, m], then the transposed pass: a separable 8×8 transform. */
function transform(forward: boolean): void {
  for (let pass = 0; pass < 2; pass++) {
    for (let k = 0; k < 8; k++) {
      for (let m = 0; m < 8; m++) {
        let sum = 0;
        for (let n = 0; n < 8; n++) sum += (forward ? basis[k * 8 + n] : basis[n * 8 + k]) * block[n * 8 + m];
        scratch[m * 8 + k] = sum;
      }
    }
    block.set(scratch);
  }
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
          const [x, y] = [Math.min(bx + (i & 7), width - 1), Math.min(by + (i >> 3), height - 1)];
          block[i] = data[(y * width + x) * channels + c] - 128;
        }
        transform(true);
        for (let i = 0; i < 64; i++) block[i] = Math.round(block[i] / steps[i]) * steps[i];
        transform(false);
        for (let i = 0; i < 64; i++) {
          const [x, y] = [bx + (i & 7), by + (i >> 3)];
          if (x < width && y < height)
            data[(y * width + x) * channels + c] = Math.max(0, Math.min(255, block[i] + 128.5));
        }
      }
    }
  }
};
