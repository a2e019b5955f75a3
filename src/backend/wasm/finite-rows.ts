import { bfloat16ToNumber, float16ToNumber } from "../../base/float16.ts";
import { STORAGE_BLOCKS, STORAGE_FACTORS, type StorageType } from "../../tensor/dtype.ts";
import type { StoredRows } from "./weight-rows.ts";

/** A number that no weight may hold. */
export interface NotFinite {
  /** Row of the whole weight. */
  readonly row: number;
  readonly value: number;
}

/** Bits that are all set in NaN and infinity and nowhere else: the exponents of the three float formats. */
const F32_EXPONENT = 0x7f800000;
const F16_EXPONENT = 0x7c00;
const BF16_EXPONENT = 0x7f80;

/**
 * The first NaN or infinity among stored rows: any element of a float format, any factor of a block format (its other bits
 * stand for finite numbers whatever they are). Reads the factors alone, so it costs far less than decoding.
 */
export function findNotFinite({ type, bytes, begin, rowLength }: StoredRows): NotFinite | undefined {
  const { elements, bytes: blockBytes } = STORAGE_BLOCKS[type];
  const found = type === "F32" ? firstOfWords(bytes) : firstOfHalves(type, bytes, blockBytes / 2);
  if (found === undefined) return undefined;
  return { row: begin + Math.floor((found.block * elements) / rowLength), value: found.value };
}

interface Found {
  readonly block: number;
  readonly value: number;
}

function firstOfWords(bytes: Uint8Array<ArrayBuffer>): Found | undefined {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
  for (let i = 0; i < words.length; i++) {
    if ((words[i] & F32_EXPONENT) === F32_EXPONENT) return { block: i, value: new Float32Array(buffer, byteOffset)[i] };
  }
  return undefined;
}

/** Blocks of every format but F32 are whole numbers of 16-bit halves. */
function firstOfHalves(type: StorageType, bytes: Uint8Array<ArrayBuffer>, blockHalves: number): Found | undefined {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  const exponent = type === "BF16" ? BF16_EXPONENT : F16_EXPONENT;
  const toNumber = type === "BF16" ? bfloat16ToNumber : float16ToNumber;
  const isPlain = blockHalves === 1;
  const offsets = isPlain ? [0] : STORAGE_FACTORS[type].map((offset) => offset / 2);
  let first: Found | undefined;
  for (const offset of offsets) {
    const end = first === undefined ? halves.length : first.block * blockHalves;
    for (let at = offset; at < end; at += blockHalves) {
      if ((halves[at] & exponent) === exponent) {
        first = { block: (at - offset) / blockHalves, value: toNumber(halves[at]) };
        break;
      }
    }
  }
  return first;
}
