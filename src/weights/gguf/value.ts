import type { StringList } from "../../base/string-list.ts";

/** Number kinds of GGUF metadata, in the order of their type codes where codes matter. */
export type GgufNumberType = "u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "f32" | "f64";

/** Numbers of one kind, as a typed array. */
export type GgufNumbers =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** What an array of metadata holds. */
export type GgufArray =
  | { readonly type: GgufNumberType; readonly values: GgufNumbers }
  | { readonly type: "u64"; readonly values: BigUint64Array<ArrayBuffer> }
  | { readonly type: "i64"; readonly values: BigInt64Array<ArrayBuffer> }
  | { readonly type: "bool"; readonly values: readonly boolean[] }
  | { readonly type: "string"; readonly values: StringList }
  | { readonly type: "array"; readonly values: readonly GgufArray[] };

/** One metadata value with the type it has in the file, so that writing it again gives the same bytes. */
export type GgufValue =
  | { readonly type: GgufNumberType; readonly value: number }
  | { readonly type: "u64" | "i64"; readonly value: bigint }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "array"; readonly array: GgufArray };

/** Name of a metadata value's type. */
export type GgufValueType = GgufValue["type"];

/** Type names at the index of their code in the file. */
export const VALUE_TYPES = [
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "f32",
  "bool",
  "string",
  "array",
  "u64",
  "i64",
  "f64",
] as const satisfies readonly GgufValueType[];

/** Bytes of one value of a type of fixed size. */
export const VALUE_BYTES = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  f64: 8,
  u64: 8,
  i64: 8,
  bool: 1,
} as const;
