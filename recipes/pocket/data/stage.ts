import type { Stage } from "./types.ts";

const base = { degradation: 0, fontPixels: [16, 30], items: [1, 12], turns: [1, 6] } as const;

/** The curriculum: string length, then lines, then pages; clean, then worn. */
export const stages = {
  /** First contact: short clean strings. */
  short: { ...base, kinds: { line: 1 }, lineCharacters: [3, 8], degradation: 0.15 },
  lines: { ...base, kinds: { line: 1 }, lineCharacters: [3, 20], degradation: 0.35 },
  longLines: { ...base, kinds: { line: 1 }, lineCharacters: [3, 40], degradation: 0.6, fontPixels: [14, 34] },
  mixedLines: { ...base, kinds: { line: 1 }, lineCharacters: [1, 40], degradation: 1, fontPixels: [12, 40] },
  documents: {
    kinds: { line: 1, receipt: 2 },
    lineCharacters: [3, 40],
    degradation: 0.8,
    fontPixels: [14, 22],
    items: [1, 14],
    turns: [4, 8],
  },
} as const satisfies Record<string, Stage>;

export type StageName = keyof typeof stages;
