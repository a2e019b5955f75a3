// Shapes of versions 2.5 (Llama-3-8B), 2.6 (Qwen2-7B) and 4.6 (Qwen3.5-0.8B), which all see through SigLIP-400M.

/** Lengths that a language model's rows have: what its maps sum over. */
export interface DecoderShape {
  readonly width: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
}

export const DECODERS = {
  "2.5": { width: 4096, feedForward: 14336, heads: 32, keyValueHeads: 8, headWidth: 128 },
  "2.6": { width: 3584, feedForward: 18944, heads: 28, keyValueHeads: 4, headWidth: 128 },
  "4.6": { width: 1024, feedForward: 3584, heads: 8, keyValueHeads: 2, headWidth: 256 },
} as const satisfies Readonly<Record<string, DecoderShape>>;

/** The encoder of one view of 448 × 448 pixels. */
export const ENCODER = { rows: 1024, width: 1152, feedForward: 4304, heads: 16, headWidth: 72 } as const;

/** The delta rule of 4.6. */
export const DELTA = { heads: 16, width: 128 } as const;
