import type { Decoder } from "./decoder.ts";

// Every platform with typed arrays that this library meets is little-endian, as the files are.

/** A copy at offset 0 of its own buffer: tensor bytes may start anywhere, typed arrays may not. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

export const decodeF32: Decoder = (bytes, out) => new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
export const decodeF64: Decoder = (bytes, out) => out.set(new Float64Array(aligned(bytes)));
export const decodeI8: Decoder = (bytes, out) => out.set(new Int8Array(aligned(bytes)));
export const decodeI16: Decoder = (bytes, out) => out.set(new Int16Array(aligned(bytes)));
export const decodeI32: Decoder = (bytes, out) => out.set(new Int32Array(aligned(bytes)));

export const decodeI64: Decoder = (bytes, out) => {
  const values = new BigInt64Array(aligned(bytes));
  for (let i = 0; i < out.length; i++) out[i] = Number(values[i]);
};

/** bfloat16 is the upper half of float32. */
export const decodeBf16: Decoder = (bytes, out) => {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < out.length; i++) bits[i] = (bytes[2 * i] << 16) | (bytes[2 * i + 1] << 24);
};

/** Moves exponent and fraction into place, then lets one multiplication rebias: exact for subnormals too. */
export const decodeF16: Decoder = (bytes, out) => {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  const rebias = 2 ** 112; // float32 bias 127 - float16 bias 15
  for (let i = 0; i < out.length; i++) {
    const half = bytes[2 * i] | (bytes[2 * i + 1] << 8);
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) {
      bits[i] = sign | 0x7f800000 | ((magnitude & 0x3ff) << 13);
    } else {
      bits[i] = sign | (magnitude << 13);
      out[i] *= rebias;
    }
  }
};
