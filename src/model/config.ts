/** SigLIP-type vision encoder (spec: all versions share width 1152, 27 layers, 16 heads). */
export interface VisionConfig {
  readonly width: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly feedForward: number;
  readonly patchSize: number;
  /** Side of the learned position table: 70, or 27 in V-1.0 and V-2.0. */
  readonly tableSide: number;
  readonly eps: number;
  readonly positions: VisionPositions;
  /** GELU of the blocks: by the error function in timm's tower (V-1.0, V-2.0), tanh form since. */
  readonly activation: "tanh" | "erf";
}

/** How patches find their rows of the position table. */
export type VisionPositions =
  /** 2-D buckets of rounded float32 fractions, as the remote code of V-2.6 to V-4.5 computes them. */
  | "navit"
  /** 2-D buckets of exact fractions (V-4.6). */
  | "exact"
  /** V-2.5 as released: one strip as long as the longest view of the request, its padding visible to attention. */
  | "longestStrip"
  /** V-2.5 view by view: a strip of the view's own patches. */
  | "ownStrip"
  /** The whole table resized to the grid (V-1.0, V-2.0). */
  | "resized";

/** One-layer perceiver resampler. */
export interface ResamplerConfig {
  readonly queryCount: number;
  /** Model width of the language model. */
  readonly width: number;
  /** width ÷ 128 in every release. */
  readonly headCount: number;
  /** V-1.0 and V-2.0 add a stored 8×8 table to the queries. */
  readonly hasQueryPositions: boolean;
  /** fresh: integer coordinates; resized: V-1.0's stored 8×8 table resized to the grid. */
  readonly keyPositions: "fresh" | "resized";
  /** V-4.5 adds a term for time and lets the frames of a group share their queries. */
  readonly hasTime: boolean;
  /** How `proj` lies in the file: x @ proj (safetensors) or W·x (GGUF, transposed by its converter). */
  readonly projection: "transposed" | "plain";
}

/** V-4.6's two 2×2 mergers. */
export interface MergerConfig {
  /** The window merger stands after this layer. */
  readonly insertLayer: number;
  /** 16x merges twice, 4x once. */
  readonly mode: "16x" | "4x";
  readonly windowFeedForward: number;
  readonly width: number;
}

/** Softmax-attention decoder layers: Llama, Qwen2, Qwen3, MiniCPM, and every fourth layer of Qwen3.5. */
export interface DecoderConfig {
  readonly width: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly groupCount: number;
  readonly headWidth: number;
  readonly feedForward: number;
  readonly vocabularySize: number;
  readonly eps: number;
  readonly inverseFrequencies: readonly number[];
  /** "adjacent" for GGUF files whose converter permuted q and k rows (llama, minicpm). */
  readonly rotaryPairing: "half" | "adjacent";
  readonly hasAttentionBias: boolean;
  readonly hasHeadNorm: boolean;
  readonly isTied: boolean;
  readonly contextLength: number;
  /** MiniCPM's muP constants; 1 elsewhere. */
  readonly embeddingScale: number;
  readonly residualScale: number;
  /** Hidden states are divided by this before the head. */
  readonly logitDivisor: number;
  /** Present in V-4.6: layers that are gated delta nets. */
  readonly hybrid?: HybridConfig;
}

/** Gated delta net layers of Qwen3.5. */
export interface HybridConfig {
  /** Every n-th layer is full attention. */
  readonly fullAttentionInterval: number;
  readonly headCount: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  readonly convolutionTaps: number;
}
