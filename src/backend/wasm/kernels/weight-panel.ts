// Quantised weights keep the bits of the file; only their order changes. A panel holds 4 rows (output columns) of the
// weight; inside a block, each field of the four rows is interleaved in granules, so that one vector load brings 4 rows
// × 4 bytes. Panels of a weight: [ceil(N/8)·2][K/block][4 · block bytes]; formats with blocks of 32 keep two panels
// together, [ceil(N/8)][K/block][2][4 · block bytes], so that the walk over both is one ascending stream.

/** One field of a block in the file: offset and length in bytes, and how many bytes of a row stay together. */
export interface PanelField {
  readonly offset: number;
  readonly bytes: number;
  readonly granule: 2 | 4;
  /** Offset in the panel's block divided by PANEL_ROWS, where it is not that of the file. */
  readonly place?: number;
}

/** A block format as panels. */
export interface PanelFormat {
  /** Elements of a block along K. */
  readonly block: number;
  readonly blockBytes: number;
  readonly fields: readonly PanelField[];
  /**
   * Q6_K: the header comes first; the 192 bytes of low and high bits become three planes of 64 bytes, four bytes of each in turn, each byte one whole value with two bits of a
   * fourth above it. Three values of four then cost one `and`: the matrix-vector walk is bound by such instructions.
   */
  readonly hasSixBitPlanes?: boolean;
  /** Two panels interleaved block by block. */
  readonly hasPairs?: boolean;
}

/** Rows in a panel. */
export const PANEL_ROWS = 4;

function field(offset: number, bytes: number, granule: 2 | 4): PanelField {
  return { offset, bytes, granule };
}

/** Formats with an integer kernel; block layouts as in ggml. */
export const PANEL_FORMATS = {
  Q8_0: { block: 32, blockBytes: 34, hasPairs: true, fields: [field(0, 2, 2), field(2, 32, 4)] },
  Q4_0: { block: 32, blockBytes: 18, hasPairs: true, fields: [field(0, 2, 2), field(2, 16, 4)] },
  Q4_1: { block: 32, blockBytes: 20, hasPairs: true, fields: [field(0, 2, 2), field(2, 2, 2), field(4, 16, 4)] },
  Q4_K: { block: 256, blockBytes: 144, fields: [field(0, 2, 2), field(2, 2, 2), field(4, 12, 4), field(16, 128, 4)] },
  Q5_K: {
    block: 256,
    blockBytes: 176,
    fields: [field(0, 2, 2), field(2, 2, 2), field(4, 12, 4), field(16, 32, 4), field(48, 128, 4)],
  },
  Q6_K: {
    block: 256,
    blockBytes: 210,
    fields: [
      { ...field(192, 16, 4), place: 0 },
      { ...field(208, 2, 2), place: 16 },
    ],
    hasSixBitPlanes: true,
  },
} as const satisfies Readonly<Record<string, PanelFormat>>;

/** Name of a format with an integer kernel. */
export type PanelFormatName = keyof typeof PANEL_FORMATS;

/** Bytes of the panels of an [N, K] weight; K must be a multiple of the block. */
export function quantisedPanelBytes(format: PanelFormat, n: number, k: number): number {
  return Math.ceil(n / 8) * 8 * (k / format.block) * format.blockBytes;
}

/**
 * Writes file rows [rowBegin, rowBegin + rows.length / row bytes) into `panels`, which are zero beforehand. Rows may
 * come in any chunks.
 */
export function packQuantisedRows(
  format: PanelFormat,
  panels: Uint8Array,
  rows: Uint8Array,
  { rowBegin, k }: { readonly rowBegin: number; readonly k: number },
): void {
  const blocks = k / format.block;
  const rowBytes = blocks * format.blockBytes;
  const from = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const to = new DataView(panels.buffer, panels.byteOffset, panels.byteLength);
  for (let r = 0; r * rowBytes < rows.length; r++) {
    const n = rowBegin + r;
    const panel = Math.floor(n / PANEL_ROWS);
    for (let b = 0; b < blocks; b++) {
      const source = r * rowBytes + b * format.blockBytes;
      const place = format.hasPairs === true ? (panel & -2) * blocks + 2 * b + (panel & 1) : panel * blocks + b;
      const target = place * format.blockBytes * PANEL_ROWS;
      const block = { from, source, to, target, row: n % PANEL_ROWS };
      for (const part of format.fields) interleave(part, block);
      if (format.hasSixBitPlanes === true) interleaveSixBits(block);
    }
  }
}

interface Interleaving {
  readonly from: DataView;
  readonly source: number;
  readonly to: DataView;
  readonly target: number;
  /** Row within its panel. */
  readonly row: number;
}

/** Copies one field of one row's block, whole granules at a time: a large checkpoint passes through here. */
function interleave(
  { offset, bytes, granule, place: targetOffset = offset }: PanelField,
  { from, source, to, target, row }: Interleaving,
): void {
  const first = source + offset;
  const place = target + targetOffset * PANEL_ROWS + row * granule;
  if (granule === 2) {
    for (let i = 0; i < bytes; i += 2) to.setUint16(place + i * PANEL_ROWS, from.getUint16(first + i, true), true);
    return;
  }
  for (let i = 0; i < bytes; i += 4) to.setUint32(place + i * PANEL_ROWS, from.getUint32(first + i, true), true);
}

const NIBBLES = 0x0f0f0f0f;
const TOP_OF_SIX = 0x30303030;
const ABOVE_SIX = 0xc0c0c0c0;
const PLANE_BYTES = 64;
const SIX_BIT_HEADER = 18;

/** Four positions at a time: values l, l + 32, l + 64 in the low six bits of planes 0, 1, 2; l + 96 above them. */
function interleaveSixBits({ from, source, to, target, row }: Interleaving): void {
  for (let i = 0; i < PLANE_BYTES; i += 4) {
    const half = i >> 5;
    const low = from.getUint32(source + half * 64 + (i & 31), true);
    const next = from.getUint32(source + half * 64 + 32 + (i & 31), true);
    const high = from.getUint32(source + 128 + i, true);
    const last = ((next >>> 4) & NIBBLES) | ((high >>> 2) & TOP_OF_SIX);
    // the three planes of four positions lie together: the walk reads its memory in order
    const place = target + (SIX_BIT_HEADER + i * 3) * PANEL_ROWS + row * 4;
    const plane = 4 * PANEL_ROWS;
    to.setUint32(place, (low & NIBBLES) | ((high << 4) & TOP_OF_SIX) | ((last << 2) & ABOVE_SIX), true);
    to.setUint32(place + plane, (next & NIBBLES) | ((high << 2) & TOP_OF_SIX) | ((last << 4) & ABOVE_SIX), true);
    to.setUint32(place + 2 * plane, ((low >>> 4) & NIBBLES) | (high & TOP_OF_SIX) | ((last << 6) & ABOVE_SIX), true);
  }
}
