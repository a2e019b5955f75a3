import { type Decoder, int8At, scaleAt } from "./decoder.ts";

// Blocks of 32 elements. Nibble order of the 4- and 5-bit types: low nibbles are elements 0-15, high nibbles 16-31.

/** Q8_0: d[2] qs[32]; y = d·q. */
export const decodeQ8x0: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 34, y += 32) {
    const d = scaleAt(bytes, at);
    for (let j = 0; j < 32; j++) out[y + j] = d * int8At(bytes, at + 2 + j);
  }
};

/** Q4_0: d[2] qs[16]; y = d·(n − 8). */
export const decodeQ4x0: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 18, y += 32) {
    const d = scaleAt(bytes, at);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 2 + j];
      out[y + j] = d * ((pair & 15) - 8);
      out[y + j + 16] = d * ((pair >> 4) - 8);
    }
  }
};

/** Q4_1: d[2] m[2] qs[16]; y = d·n + m. */
export const decodeQ4x1: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 20, y += 32) {
    const d = scaleAt(bytes, at);
    const m = scaleAt(bytes, at + 2);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 4 + j];
      out[y + j] = d * (pair & 15) + m;
      out[y + j + 16] = d * (pair >> 4) + m;
    }
  }
};

/** The fifth bits of 32 elements, element j in bit j. */
function fifthBits(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Q5_0: d[2] qh[4] qs[16]; y = d·(n − 16). */
export const decodeQ5x0: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 22, y += 32) {
    const d = scaleAt(bytes, at);
    const high = fifthBits(bytes, at + 2);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 6 + j];
      out[y + j] = d * (((pair & 15) | (((high >>> j) & 1) << 4)) - 16);
      out[y + j + 16] = d * (((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) - 16);
    }
  }
};

/** Q5_1: d[2] m[2] qh[4] qs[16]; y = d·n + m. */
export const decodeQ5x1: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 24, y += 32) {
    const d = scaleAt(bytes, at);
    const m = scaleAt(bytes, at + 2);
    const high = fifthBits(bytes, at + 4);
    for (let j = 0; j < 16; j++) {
      const pair = bytes[at + 8 + j];
      out[y + j] = d * ((pair & 15) | (((high >>> j) & 1) << 4)) + m;
      out[y + j + 16] = d * ((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) + m;
    }
  }
};
