import { ImageCorruptError } from "../errors.ts";
import type { BitReader } from "./bit-reader.ts";
import type { HuffmanTable } from "./huffman.ts";
import { ZIGZAG } from "./zigzag.ts";

/** Band and bit position of a scan (T.81 G.1.1.1); a baseline scan is 0…63 at bit 0. */
export interface ScanBand {
  readonly start: number;
  readonly end: number;
  readonly low: number;
  readonly isRefinement: boolean;
}

/** What one block decode may change besides the coefficients. */
export interface BlockState {
  /** DC prediction of this component. */
  prediction: number;
  /** Blocks still covered by an end-of-band run; shared by the scan's blocks. */
  endOfBandRun: number;
}

/** Tables of one component in one scan. */
export interface BlockTables {
  readonly dc: HuffmanTable;
  readonly ac: HuffmanTable;
}

/** Decodes one block's part of a scan into `coefficients` at `at`. */
export type BlockCoder = (
  reader: BitReader,
  tables: BlockTables,
  state: BlockState,
  band: ScanBand,
  coefficients: Int16Array,
  at: number,
) => void;

/** The coder for a kind of scan. */
export function blockCoder(isProgressive: boolean, band: ScanBand): BlockCoder {
  if (!isProgressive) return baselineBlock;
  if (band.start === 0) return band.isRefinement ? dcRefinement : dcFirst;
  return band.isRefinement ? acRefinement : acFirst;
}

const baselineBlock: BlockCoder = (reader, tables, state, _band, coefficients, at) => {
  state.prediction += reader.signedBits(reader.symbol(tables.dc));
  coefficients[at] = state.prediction;
  for (let k = 1; k < 64; k++) {
    const symbol = reader.symbol(tables.ac);
    const size = symbol & 15;
    const run = symbol >> 4;
    if (size === 0) {
      if (run < 15) return;
      k += 15;
      continue;
    }
    k += run;
    if (k > 63) failRun();
    coefficients[at + ZIGZAG[k]] = reader.signedBits(size);
  }
};

const dcFirst: BlockCoder = (reader, tables, state, band, coefficients, at) => {
  state.prediction += reader.signedBits(reader.symbol(tables.dc));
  coefficients[at] = state.prediction << band.low;
};

const dcRefinement: BlockCoder = (reader, _tables, _state, band, coefficients, at) => {
  if (reader.bits(1) === 1) coefficients[at] |= 1 << band.low;
};

const acFirst: BlockCoder = (reader, tables, state, band, coefficients, at) => {
  if (state.endOfBandRun > 0) {
    state.endOfBandRun -= 1;
    return;
  }
  for (let k = band.start; k <= band.end; k++) {
    const symbol = reader.symbol(tables.ac);
    const size = symbol & 15;
    const run = symbol >> 4;
    if (size > 0) {
      k += run;
      if (k > band.end) failRun();
      coefficients[at + ZIGZAG[k]] = reader.signedBits(size) << band.low;
    } else if (run === 15) {
      k += 15;
    } else {
      state.endOfBandRun = (1 << run) + reader.bits(run) - 1; // this block included
      return;
    }
  }
};

// T.81 G.1.2.3: correction bits of known coefficients are interleaved with the zeros that a run skips
const acRefinement: BlockCoder = (reader, tables, state, band, coefficients, at) => {
  let k = band.start;
  while (state.endOfBandRun === 0 && k <= band.end) {
    const symbol = reader.symbol(tables.ac);
    const size = symbol & 15;
    const run = symbol >> 4;
    let fresh = 0;
    if (size > 1) throw new ImageCorruptError("The JPEG refines a coefficient by more than one bit.");
    if (size === 1) fresh = reader.bits(1) === 1 ? 1 << band.low : -1 << band.low;
    else if (run < 15) {
      state.endOfBandRun = (1 << run) + reader.bits(run);
      break;
    }
    k = refineRun(reader, band, coefficients, at, k, run);
    if (fresh !== 0) {
      if (k > band.end) failRun();
      coefficients[at + ZIGZAG[k]] = fresh;
    }
    k += 1;
  }
  if (state.endOfBandRun === 0) return;
  refineRun(reader, band, coefficients, at, k, 64);
  state.endOfBandRun -= 1;
};

/** Corrects known coefficients from `k` on until `zeros` zeros were passed; returns the index of the next zero. */
function refineRun(
  reader: BitReader,
  band: ScanBand,
  coefficients: Int16Array,
  at: number,
  from: number,
  zeros: number,
): number {
  const bit = 1 << band.low;
  let left = zeros;
  let k = from;
  for (; k <= band.end; k++) {
    const index = at + ZIGZAG[k];
    const value = coefficients[index];
    if (value === 0) {
      if (left === 0) break;
      left -= 1;
    } else if (reader.bits(1) === 1 && (value & bit) === 0) {
      coefficients[index] = value + (value > 0 ? bit : -bit);
    }
  }
  return k;
}

function failRun(): never {
  throw new ImageCorruptError("The JPEG has a run of zeros that leaves its block.");
}
