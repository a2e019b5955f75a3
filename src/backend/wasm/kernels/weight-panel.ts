// Quantised weights keep the bits of the file; only their order changes. A panel holds 4 rows (output columns) of the
// weight; inside a block, each field of the four rows is interleaved in granules, so that one vector load brings 4 rows
// × 4 bytes. Panels of a weight: [ceil(N/8)·2][K/block][4 · block bytes].

/** One field of a block in the file: offset and length in bytes, and how many bytes of a row stay together. */
export interface PanelField {
  readonly offset: number;
  readonly bytes: number;
  readonly granule: 2 | 4;
}

/** A block format as panels. */
export interface PanelFormat {
  /** Elements of a block along K. */
  readonly block: number;
  readonly blockBytes: number;
  readonly fields: readonly PanelField[];
}

/** Rows in a panel. */
export const PANEL_ROWS = 4;

function field(offset: number, bytes: number, granule: 2 | 4): PanelField {
  return { offset, bytes, granule };
}

/** Formats with an integer kernel; block layouts as in ggml. */
export const PANEL_FORMATS = {
  Q8_0: { block: 32, blockBytes: 34, fields: [field(0, 2, 2), field(2, 32, 4)] },
  Q4_0: { block: 32, blockBytes: 18, fields: [field(0, 2, 2), field(2, 16, 4)] },
  Q4_K: { block: 256, blockBytes: 144, fields: [field(0, 2, 2), field(2, 2, 2), field(4, 12, 4), field(16, 128, 4)] },
  Q5_K: {
    block: 256,
    blockBytes: 176,
    fields: [field(0, 2, 2), field(2, 2, 2), field(4, 12, 4), field(16, 32, 4), field(48, 128, 4)],
  },
  Q6_K: {
    block: 256,
    blockBytes: 210,
    fields: [field(0, 128, 4), field(128, 64, 4), field(192, 16, 4), field(208, 2, 2)],
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
    const panel = Math.floor(n / PANEL_ROWS) * PANEL_ROWS * rowBytes;
    for (let b = 0; b < blocks; b++) {
      const source = r * rowBytes + b * format.blockBytes;
      const target = panel + b * format.blockBytes * PANEL_ROWS;
      for (const part of format.fields) interleave(part, { from, source, to, target, row: n % PANEL_ROWS });
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
function interleave({ offset, bytes, granule }: PanelField, { from, source, to, target, row }: Interleaving): void {
  const first = source + offset;
  const place = target + offset * PANEL_ROWS + row * granule;
  if (granule === 2) {
    for (let i = 0; i < bytes; i += 2) to.setUint16(place + i * PANEL_ROWS, from.getUint16(first + i, true), true);
    return;
  }
  for (let i = 0; i < bytes; i += 4) to.setUint32(place + i * PANEL_ROWS, from.getUint32(first + i, true), true);
}
