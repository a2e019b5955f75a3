import { StringList } from "../../base/string-list.ts";
import type { GgufValue } from "../../weights/gguf/value.ts";

/** Metadata in the order it is written. */
export type GgufEntries = readonly (readonly [string, GgufValue])[];

export const u32 = (value: number): GgufValue => ({ type: "u32", value });
export const i32 = (value: number): GgufValue => ({ type: "i32", value });
export const f32 = (value: number): GgufValue => ({ type: "f32", value: Math.fround(value) });
export const bool = (value: boolean): GgufValue => ({ type: "bool", value });
export const text = (value: string): GgufValue => ({ type: "string", value });

export const texts = (values: readonly string[]): GgufValue => ({
  type: "array",
  array: { type: "string", values: StringList.from(values) },
});

export const i32s = (values: readonly number[]): GgufValue => ({
  type: "array",
  array: { type: "i32", values: Int32Array.from(values) },
});

export const f32s = (values: readonly number[]): GgufValue => ({
  type: "array",
  array: { type: "f32", values: Float32Array.from(values) },
});
