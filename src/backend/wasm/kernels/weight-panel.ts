// Quantised weights keep the bits of the file; only their order changes. A panel holds 4 rows (output columns) of the
// weight; inside a block, each field of the four rows is interleaved in granules, so that one vector load brings 4 rows
// × 4 bytes. Panels of a weight: [ceil(N/8)·2][K/block][4 · block bytes].

/** One field of a block in the file: offset and length in bytes, and how many bytes of a row stay together. */
export interface PanelField {
  readonly offset: number;
  readonly bytes: number;
  readonly granule: number;
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

function field(offset: number, bytes: number, granule: number): PanelField {
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
  const count = rows.length / rowBytes;
  for (let r = 0; r < count; r++) {
    const n = rowBegin + r;
    const panel = Math.floor(n / PANEL_ROWS) * PANEL_ROWS * rowBytes;
    for (let b = 0; b < blocks; b++) {
      const from = r * rowBytes + b * format.blockBytes;
      const to = panel + b * format.blockBytes * PANEL_ROWS;
      for (const { offset, bytes, granule } of format.fields) {
        for (let i = 0; i < bytes; i++) {
          const place = Math.floor(i / granule) * granule * PANEL_ROWS + (n % PANEL_ROWS) * granule + (i % granule);
          panels[to + offset * PANEL_ROWS + place] = rows[from + offset + i];
        }
      }
    }
  }
}
