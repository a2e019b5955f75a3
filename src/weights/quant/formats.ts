import { CheckpointUnsupportedError, QuantisedDataError } from "../errors.ts";

/** One way of storing numbers in blocks; `code` is what a GGUF tensor directory holds. */
export interface BlockFormat {
  readonly type: GgmlType;
  readonly code: number;
  /** Elements of a block; a row is a whole number of blocks. */
  readonly elements: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

/** Every format this library reads, by name. Codes and sizes: ggml's public type table. */
const FORMATS = {
  F32: [0, 1, 4],
  F16: [1, 1, 2],
  Q4_0: [2, 32, 18],
  Q4_1: [3, 32, 20],
  Q5_0: [6, 32, 22],
  Q5_1: [7, 32, 24],
  Q8_0: [8, 32, 34],
  Q2_K: [10, 256, 84],
  Q3_K: [11, 256, 110],
  Q4_K: [12, 256, 144],
  Q5_K: [13, 256, 176],
  Q6_K: [14, 256, 210],
  IQ4_NL: [20, 32, 18],
  IQ4_XS: [23, 256, 136],
  I8: [24, 1, 1],
  I16: [25, 1, 2],
  I32: [26, 1, 4],
  I64: [27, 1, 8],
  F64: [28, 1, 8],
  BF16: [30, 1, 2],
} as const satisfies Record<string, readonly [code: number, elements: number, bytes: number]>;

/** Name of a storage format. */
export type GgmlType = keyof typeof FORMATS;

/** Formats that exist and that no released MiniCPM-V file needs; named so that the message can name them. */
const KNOWN_UNSUPPORTED: ReadonlyMap<number, string> = new Map([
  [9, "Q8_1"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [29, "IQ1_M"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
]);

/** All formats in the order of their codes. */
export const BLOCK_FORMATS: readonly BlockFormat[] = (Object.keys(FORMATS) as GgmlType[]).map((type) => {
  const [code, elements, bytes] = FORMATS[type];
  return { type, code, elements, bytes };
});

const byType = new Map(BLOCK_FORMATS.map((format) => [format.type as string, format]));
const byCode = new Map(BLOCK_FORMATS.map((format) => [format.code, format]));

/** The format called `type`. Throws QuantisedDataError when there is none, which types forbid and files do not. */
export function blockFormat(type: GgmlType): BlockFormat {
  const format = byType.get(type);
  if (format === undefined) throw new QuantisedDataError(`there is no tensor type ${JSON.stringify(type)}`);
  return format;
}

/** The format with a ggml type code. `where` begins the message of the CheckpointUnsupportedError it throws. */
export function blockFormatOfCode(code: number, where: string): BlockFormat {
  const format = byCode.get(code);
  if (format !== undefined) return format;
  throw new CheckpointUnsupportedError(
    where,
    `the tensor type ${KNOWN_UNSUPPORTED.get(code) ?? `with code ${code}`} is not supported`,
    `Use a file made of ${BLOCK_FORMATS.map((known) => known.type).join(", ")}.`,
  );
}

/** True when `text` names a format. */
export function isGgmlType(text: string): text is GgmlType {
  return byType.has(text);
}

/** Bytes that `elementCount` elements take. Throws QuantisedDataError unless they are whole blocks. */
export function byteLengthOf(type: GgmlType, elementCount: number): number {
  const { elements, bytes } = blockFormat(type);
  if (!Number.isSafeInteger(elementCount) || elementCount < 0 || elementCount % elements !== 0) {
    throw new QuantisedDataError(`${type} stores blocks of ${elements} elements, not ${elementCount} elements`);
  }
  return (elementCount / elements) * bytes;
}
