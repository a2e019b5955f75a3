import { type Decoder, scaleAt } from "./decoder.ts";

/** The sixteen levels of the IQ4 types (ggml's published codebook). */
export const IQ4_LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;

/** IQ4_NL: d[2] qs[16]; y = d·level[n], low nibbles first. */
export const decodeIq4Nl: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 18, y += 32) {
    decodeNibbles(bytes, at + 2, scaleAt(bytes, at), out, y);
  }
};

/** IQ4_XS: d[2] scales_h[2] scales_l[4] qs[128]; y = d·(ls − 32)·level[n] over sub-blocks of 32. */
export const decodeIq4Xs: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 136, y += 256) {
    const d = scaleAt(bytes, at);
    const scalesHigh = bytes[at + 2] | (bytes[at + 3] << 8);
    for (let s = 0; s < 8; s++) {
      const low = (bytes[at + 4 + (s >> 1)] >> (4 * (s & 1))) & 15;
      const scale = low | (((scalesHigh >> (2 * s)) & 3) << 4);
      decodeNibbles(bytes, at + 8 + 16 * s, d * (scale - 32), out, y + 32 * s);
    }
  }
};

function decodeNibbles(bytes: Uint8Array, at: number, scale: number, out: Float32Array, y: number): void {
  for (let j = 0; j < 16; j++) {
    const pair = bytes[at + j];
    out[y + j] = scale * IQ4_LEVELS[pair & 15];
    out[y + j + 16] = scale * IQ4_LEVELS[pair >> 4];
  }
}
