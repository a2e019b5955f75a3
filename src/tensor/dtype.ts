/** Element type of a value while a graph runs. */
export type DType = "f32" | "f16" | "i32";

/** How a weight's bytes lie in its file: ggml's names. Only a backend knows how it is kept after upload. */
export type StorageType =
  | "F32"
  | "F16"
  | "BF16"
  | "Q8_0"
  | "Q4_0"
  | "Q4_1"
  | "Q5_0"
  | "Q5_1"
  | "Q2_K"
  | "Q3_K"
  | "Q4_K"
  | "Q5_K"
  | "Q6_K"
  | "IQ4_NL"
  | "IQ4_XS";

/** Bytes of one element at run time. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = { f32: 4, f16: 2, i32: 4 };
