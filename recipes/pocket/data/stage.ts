import type { Stage } from "./types.ts";

const base = { degradation: 0, fontPixels: [16, 30], items: [1, 12], turns: [1, 2] } as const;

/** The curriculum: string length, then lines, then pages; clean, then worn. */
export const stages = {
  /** First contact: short clean strings. */
  short: { ...base, kinds: { line: 1 }, lineCharacters: [3, 8], degradation: 0.15 },
  lines: { ...base, kinds: { line: 1 }, lineCharacters: [3, 20], degradation: 0.35 },
  longLines: { ...base, kinds: { line: 1 }, lineCharacters: [3, 40], degradation: 0.6, fontPixels: [14, 34] },
  mixedLines: { ...base, kinds: { line: 1 }, lineCharacters: [1, 40], degradation: 1, fontPixels: [12, 40] },
  /** Several lines: blocks, labels, headings, forms. */
  blocks: {
    kinds: { line: 4, block: 3, label: 2, heading: 1, form: 1, blank: 0.2, unrelated: 0.3 },
    lineCharacters: [2, 36],
    degradation: 0.6,
    fontPixels: [14, 28],
    items: [1, 6],
    turns: [2, 5],
  },
  /** Everything, receipts first. */
  documents: {
    kinds: {
      line: 3,
      block: 2,
      label: 2,
      receipt: 6,
      invoice: 2,
      form: 2,
      heading: 1,
      columns: 0.7,
      unrelated: 1.2,
      blank: 0.4,
    },
    lineCharacters: [2, 40],
    degradation: 0.8,
    fontPixels: [13, 22],
    items: [1, 14],
    turns: [4, 8],
  },
  /** Long receipts of up to about fifty lines. */
  longReceipts: {
    kinds: { receipt: 1 },
    lineCharacters: [2, 40],
    degradation: 0.8,
    fontPixels: [15, 20],
    items: [10, 36],
    turns: [4, 8],
  },
} as const satisfies Record<string, Stage>;

export type StageName = keyof typeof stages;
