import { float16ToNumber, numberToFloat16 } from "../../../base/float16.ts";
import { seededRandom } from "../../../base/random.ts";
import type { ActivationKind } from "./quantise-activations.ts";
import { ACTIVATION_RECORDS } from "./quantise-activations.ts";
import type { PanelFormatName } from "./weight-panel.ts";
import { PANEL_FORMATS } from "./weight-panel.ts";

/** Value i of a block, in float64; written again from the format tables so that the kernels are held against a second reading. */
type BlockValue = (block: DataView, i: number) => number;

const half = (block: DataView, offset: number): number => float16ToNumber(block.getUint16(offset, true));
const bit = (value: number, index: number): number => (value >> index) & 1;

function sixBits(block: DataView, s: number): readonly [scale: number, min: number] {
  const at = (i: number): number => block.getUint8(4 + i);
  if (s < 4) return [at(s) & 63, at(s + 4) & 63];
  return [(at(s + 4) & 15) | ((at(s - 4) >> 6) << 4), (at(s + 4) >> 4) | ((at(s) >> 6) << 4)];
}

function nibbleOfGroup(block: DataView, offset: number, i: number): number {
  const byte = block.getUint8(offset + Math.floor(i / 64) * 32 + (i % 32));
  return i % 64 < 32 ? byte & 15 : byte >> 4;
}

const VALUES: Readonly<Record<PanelFormatName, BlockValue>> = {
  Q8_0: (b, i) => half(b, 0) * b.getInt8(2 + i),
  Q4_0: (b, i) => half(b, 0) * (((b.getUint8(2 + (i % 16)) >> (i < 16 ? 0 : 4)) & 15) - 8),
  Q4_1: (b, i) => half(b, 0) * ((b.getUint8(4 + (i % 16)) >> (i < 16 ? 0 : 4)) & 15) + half(b, 2),
  Q4_K: (b, i) => {
    const [scale, min] = sixBits(b, i >> 5);
    return half(b, 0) * scale * nibbleOfGroup(b, 16, i) - half(b, 2) * min;
  },
  Q5_K: (b, i) => {
    const [scale, min] = sixBits(b, i >> 5);
    const value = nibbleOfGroup(b, 48, i) + 16 * bit(b.getUint8(16 + (i % 32)), i >> 5);
    return half(b, 0) * scale * value - half(b, 2) * min;
  },
  Q6_K: (b, i) => {
    const [h, part, l] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = b.getUint8(h * 64 + (part & 1) * 32 + l);
    const high = (b.getUint8(128 + h * 32 + l) >> (2 * part)) & 3;
    const value = (part < 2 ? low & 15 : low >> 4) | (high << 4);
    return half(b, 208) * b.getInt8(192 + (i >> 4)) * (value - 32);
  },
};

/** Random rows in a format: every bit pattern of quants and scales, plausible f16 factors, some of them subnormal. */
export function randomQuantisedRows(name: PanelFormatName, n: number, k: number, seed: number): Uint8Array {
  const { block, blockBytes } = PANEL_FORMATS[name];
  const random = seededRandom(seed);
  const rows = Uint8Array.from({ length: (n * k * blockBytes) / block }, () => random.below(256));
  const view = new DataView(rows.buffer);
  for (let at = 0; at < rows.length; at += blockBytes) {
    const factor = (): number => numberToFloat16((random.next() < 0.05 ? 2e-6 : 0.01) * (0.5 + random.next()));
    if (name === "Q6_K") view.setUint16(at + 208, factor(), true);
    else view.setUint16(at, factor(), true);
    if (name === "Q4_1" || name === "Q4_K" || name === "Q5_K") view.setUint16(at + 2, factor(), true);
  }
  return rows;
}

/** All values of quantised rows. */
export function decodeRows(name: PanelFormatName, rows: Uint8Array): Float64Array {
  const { block, blockBytes } = PANEL_FORMATS[name];
  const out = new Float64Array((rows.length / blockBytes) * block);
  for (let i = 0; i < out.length; i++) {
    const at = Math.floor(i / block) * blockBytes;
    out[i] = VALUES[name](new DataView(rows.buffer, rows.byteOffset + at, blockBytes), i % block);
  }
  return out;
}

/** What the records of quantised activations stand for, row-major [rows, k]. */
export function decodeActivations(kind: ActivationKind, bytes: Uint8Array, rows: number, k: number): Float64Array {
  const shape = ACTIVATION_RECORDS[kind];
  const blocks = Math.ceil(k / shape.block);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Float64Array.from({ length: rows * k }, (_, index) => {
    const [row, i] = [Math.floor(index / k), index % k];
    const record = (Math.floor(row / 4) * blocks + Math.floor(i / shape.block)) * shape.bytes;
    const inBlock = i % shape.block;
    const at = record + Math.floor(inBlock / 4) * 16 + (row % 4) * 4 + (inBlock % 4);
    const scale = view.getFloat32(record + shape.scales + (row % 4) * 4, true);
    const zero = kind.startsWith("u7") ? view.getInt32(record + shape.scales + 16 + (row % 4) * 4, true) : 0;
    return scale * (view.getInt8(at) - zero);
  });
}

/** y[M,N] = x·Wᵀ + bias in float64. */
export function multiply(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  { m, n, k }: { readonly m: number; readonly n: number; readonly k: number },
  bias: ArrayLike<number>,
): Float64Array {
  return Float64Array.from({ length: m * n }, (_, index) => {
    const [r, c] = [Math.floor(index / n), index % n];
    let sum = bias[c];
    for (let i = 0; i < k; i++) sum += x[r * k + i] * w[c * k + i];
    return sum;
  });
}
