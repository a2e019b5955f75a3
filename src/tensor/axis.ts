/**
 * Logical axis names (docs/glossary.md).
 *
 * Rows: T text positions of a step, P patches of the views in a step, Q resampler tokens of the views in a step,
 * W windows of patches, R visual rows spliced into text, B sequences, S samples or views, L slots of a cache.
 * Widths: E vision, D model, A query heads × C, K key-value heads × C, F feed-forward, V vocabulary, I values of a
 * patch, M folded window, X channels of the delta net's convolution, Z low rank, J taps of a convolution.
 * Heads: H query heads, G key-value heads, C head width, N head width of the values. Y a pair; O a single value.
 */
export type Axis =
  | "T"
  | "P"
  | "Q"
  | "W"
  | "R"
  | "B"
  | "S"
  | "L"
  | "E"
  | "D"
  | "A"
  | "K"
  | "F"
  | "V"
  | "I"
  | "M"
  | "X"
  | "Z"
  | "J"
  | "H"
  | "G"
  | "C"
  | "N"
  | "Y"
  | "O";

/** Axes of a tensor, outermost first. */
export type Axes = readonly Axis[];
