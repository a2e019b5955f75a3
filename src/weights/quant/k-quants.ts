import { type Decoder, int8At, scaleAt } from "./decoder.ts";

// Super-blocks of 256 elements with quantised sub-block scales.

/** Q2_K: scales[16] qs[64] d[2] dmin[2]; y = d·sc·q − dmin·mn over sub-blocks of 16. */
export const decodeQ2K: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 84, y += 256) {
    const d = scaleAt(bytes, at + 80);
    const dmin = scaleAt(bytes, at + 82);
    for (let s = 0; s < 16; s++) {
      const { quants, shift } = twoBitPlace(s);
      const scale = d * (bytes[at + s] & 15);
      const min = dmin * (bytes[at + s] >> 4);
      for (let l = 0; l < 16; l++) {
        out[y + 16 * s + l] = scale * ((bytes[at + 16 + quants + l] >> shift) & 3) - min;
      }
    }
  }
};

/** Where sub-block `s` of 16 two-bit quants lies: each half of 128 elements shares 32 bytes, four bit pairs deep. */
function twoBitPlace(s: number): { quants: number; shift: number } {
  return { quants: 32 * (s >> 3) + 16 * (s & 1), shift: 2 * ((s >> 1) & 3) };
}

/** Q3_K: hmask[32] qs[64] scales[12] d[2]; y = d·sc·(q − 4 unless the mask bit is set). */
export const decodeQ3K: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 110, y += 256) {
    const d = scaleAt(bytes, at + 108);
    for (let s = 0; s < 16; s++) {
      const { quants, shift } = twoBitPlace(s);
      const scale = d * (q3Scale(bytes, at + 96, s) - 32);
      const maskBit = s >> 1;
      const maskAt = at + 16 * (s & 1);
      for (let l = 0; l < 16; l++) {
        const low = (bytes[at + 32 + quants + l] >> shift) & 3;
        const high = (bytes[maskAt + l] >> maskBit) & 1;
        out[y + 16 * s + l] = scale * (low - (high === 1 ? 0 : 4));
      }
    }
  }
};

/** Six-bit scale `s` of 16 packed in 12 bytes: four low bits, then two high bits. */
function q3Scale(bytes: Uint8Array, at: number, s: number): number {
  const low = s < 8 ? bytes[at + s] & 15 : bytes[at + s - 8] >> 4;
  const high = (bytes[at + 8 + (s & 3)] >> (2 * (s >> 2))) & 3;
  return low | (high << 4);
}

/** Six-bit scale and min of sub-block `s` of 8 in the 12 bytes that Q4_K and Q5_K share. */
export function scaleAndMin(bytes: Uint8Array, at: number, s: number): [scale: number, min: number] {
  if (s < 4) return [bytes[at + s] & 63, bytes[at + s + 4] & 63];
  const low = bytes[at + s + 4];
  return [(low & 15) | ((bytes[at + s - 4] >> 6) << 4), (low >> 4) | ((bytes[at + s] >> 6) << 4)];
}

/** Q4_K: d[2] dmin[2] scales[12] qs[128]; y = d·sc·n − dmin·mn over sub-blocks of 32. */
export const decodeQ4K: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 144, y += 256) {
    const d = scaleAt(bytes, at);
    const dmin = scaleAt(bytes, at + 2);
    for (let s = 0; s < 8; s++) {
      const [sc, mn] = scaleAndMin(bytes, at + 4, s);
      const scale = d * sc;
      const min = dmin * mn;
      const quants = at + 16 + 32 * (s >> 1);
      const shift = 4 * (s & 1);
      for (let l = 0; l < 32; l++) out[y + 32 * s + l] = scale * ((bytes[quants + l] >> shift) & 15) - min;
    }
  }
};

/** Q5_K: d[2] dmin[2] scales[12] qh[32] qs[128]; as Q4_K, the fifth bit of sub-block s in bit s of qh. */
export const decodeQ5K: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 176, y += 256) {
    const d = scaleAt(bytes, at);
    const dmin = scaleAt(bytes, at + 2);
    for (let s = 0; s < 8; s++) {
      const [sc, mn] = scaleAndMin(bytes, at + 4, s);
      const scale = d * sc;
      const min = dmin * mn;
      const quants = at + 48 + 32 * (s >> 1);
      const shift = 4 * (s & 1);
      for (let l = 0; l < 32; l++) {
        const high = (bytes[at + 16 + l] >> s) & 1;
        out[y + 32 * s + l] = scale * (((bytes[quants + l] >> shift) & 15) | (high << 4)) - min;
      }
    }
  }
};

/** Q6_K: ql[128] qh[64] scales[16] d[2]; y = d·sc·(q − 32) over sub-blocks of 16, in two halves of 128. */
export const decodeQ6K: Decoder = (bytes, out) => {
  for (let at = 0, y = 0; y < out.length; at += 210, y += 256) {
    const d = scaleAt(bytes, at + 208);
    for (let s = 0; s < 16; s++) {
      const quarter = (s >> 1) & 3; // 32 elements each within a half
      const within = 16 * (s & 1);
      const low = at + 64 * (s >> 3) + 32 * (quarter & 1) + within;
      const high = at + 128 + 32 * (s >> 3) + within;
      const lowShift = 4 * (quarter >> 1);
      const scale = d * int8At(bytes, at + 192 + s);
      for (let l = 0; l < 16; l++) {
        const q = ((bytes[low + l] >> lowShift) & 15) | (((bytes[high + l] >> (2 * quarter)) & 3) << 4);
        out[y + 16 * s + l] = scale * (q - 32);
      }
    }
  }
};
