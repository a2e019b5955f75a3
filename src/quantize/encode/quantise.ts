import { ArgumentError, UnsupportedError } from "../../base/errors.ts";
import { blockFormat, byteLengthOf, type GgmlType } from "../../weights/quant/formats.ts";
import type { Encoder } from "./encoder.ts";
import { encodeQ4K, encodeQ5K } from "./k-affine.ts";
import { encodeQ4x0, encodeQ5x0, encodeQ5x1, encodeQ8x0 } from "./legacy.ts";
import { encodeBf16, encodeF16, encodeF32 } from "./plain.ts";
import { encodeQ6K } from "./q6-k.ts";

const ENCODERS = {
  F32: encodeF32,
  F16: encodeF16,
  BF16: encodeBf16,
  Q8_0: encodeQ8x0,
  Q4_0: encodeQ4x0,
  Q5_0: encodeQ5x0,
  Q5_1: encodeQ5x1,
  Q4_K: encodeQ4K,
  Q5_K: encodeQ5K,
  Q6_K: encodeQ6K,
} as const satisfies Partial<Record<GgmlType, Encoder>>;

/** A type that can be written. */
export type EncodableType = keyof typeof ENCODERS;

/** True when `type` can be written. */
function isEncodable(type: GgmlType): type is EncodableType {
  return Object.hasOwn(ENCODERS, type);
}

/**
 * Stores rows of numbers as `type`. `importance` has one weight a column and is used by Q4_K, Q5_K and Q6_K.
 * Throws ArgumentError when the rows are no whole blocks or a number is not finite, UnsupportedError for other types.
 */
export function quantise(
  type: GgmlType,
  values: Float32Array,
  rowLength: number,
  importance?: Float32Array,
): Uint8Array<ArrayBuffer> {
  if (!isEncodable(type)) {
    throw new UnsupportedError(`${type} cannot be written.`, `Choose one of ${Object.keys(ENCODERS).join(", ")}.`);
  }
  const { elements } = blockFormat(type);
  if (rowLength % elements !== 0 || values.length % rowLength !== 0) {
    throw new ArgumentError(
      `${values.length} numbers in rows of ${rowLength} are no whole blocks of ${elements}.`,
      `Choose another type for rows of ${rowLength}.`,
    );
  }
  if (importance !== undefined && importance.length !== rowLength) {
    throw new ArgumentError(
      `The importance matrix has ${importance.length} columns for rows of ${rowLength}.`,
      "Collect it on this model.",
    );
  }
  if (elements > 1) checkFinite(type, values);
  const out = new Uint8Array(byteLengthOf(type, values.length));
  ENCODERS[type](importance === undefined ? { values, rowLength } : { values, rowLength, importance }, out);
  return out;
}

function checkFinite(type: GgmlType, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new ArgumentError(`Element ${i} is ${values[i]}, which ${type} cannot store.`, "Check the input file.");
    }
  }
}
