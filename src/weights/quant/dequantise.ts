import { QuantisedDataError } from "../errors.ts";
import { decodeIq4Nl, decodeIq4Xs } from "./codebook.ts";
import type { Decoder } from "./decoder.ts";
import { byteLengthOf, type GgmlType } from "./formats.ts";
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K } from "./k-quants.ts";
import { decodeQ4x0, decodeQ4x1, decodeQ5x0, decodeQ5x1, decodeQ8x0 } from "./legacy.ts";
import { decodeBf16, decodeF16, decodeF32, decodeF64, decodeI8, decodeI16, decodeI32, decodeI64 } from "./plain.ts";

const DECODERS: Readonly<Record<GgmlType, Decoder>> = {
  F32: decodeF32,
  F16: decodeF16,
  BF16: decodeBf16,
  F64: decodeF64,
  I8: decodeI8,
  I16: decodeI16,
  I32: decodeI32,
  I64: decodeI64,
  Q8_0: decodeQ8x0,
  Q4_0: decodeQ4x0,
  Q4_1: decodeQ4x1,
  Q5_0: decodeQ5x0,
  Q5_1: decodeQ5x1,
  Q2_K: decodeQ2K,
  Q3_K: decodeQ3K,
  Q4_K: decodeQ4K,
  Q5_K: decodeQ5K,
  Q6_K: decodeQ6K,
  IQ4_NL: decodeIq4Nl,
  IQ4_XS: decodeIq4Xs,
};

/** What else `dequantise` looks at. */
export interface DequantiseOptions {
  /** Throw when a result is NaN or infinite, which damaged scales give. Costs one pass over the result. */
  readonly checkFinite?: boolean;
  /** Where the numbers go, `elementCount` of them; a new array by default. */
  readonly into?: Float32Array<ArrayBuffer>;
}

/** The numbers that `elementCount` stored elements stand for. Throws QuantisedDataError when the bytes do not fit. */
export function dequantise(
  type: GgmlType,
  bytes: Uint8Array,
  elementCount: number,
  options: DequantiseOptions = {},
): Float32Array<ArrayBuffer> {
  const expectedBytes = byteLengthOf(type, elementCount);
  if (bytes.length !== expectedBytes) {
    throw new QuantisedDataError(
      `${elementCount} elements of ${type} take ${expectedBytes} bytes, not ${bytes.length}`,
    );
  }
  const out = options.into ?? new Float32Array(elementCount);
  DECODERS[type](bytes, out);
  if (options.checkFinite === true) checkFinite(type, out);
  return out;
}

function checkFinite(type: GgmlType, values: Float32Array): void {
  const index = values.findIndex((value) => !Number.isFinite(value));
  if (index >= 0) throw new QuantisedDataError(`element ${index} of ${values.length} of ${type} is ${values[index]}`);
}
