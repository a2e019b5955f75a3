import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { QuantisedDataError } from "../errors.ts";
import { dequantise } from "./dequantise.ts";
import { BLOCK_FORMATS, blockFormat, blockFormatOfCode, byteLengthOf, type GgmlType, isGgmlType } from "./formats.ts";

interface Golden {
  readonly types: Readonly<Record<string, { elements: number; bytes: string; values: string }>>;
}

const goldenFile = new URL("../../../test/golden/quant/dequantise.json", import.meta.url);
const golden = JSON.parse(readFileSync(goldenFile, "utf8")) as Golden;

// Catches any wrong bit, shift, order or rounding: reference/quant/dequant_goldens.py decodes with the gguf package.
test.each(Object.keys(golden.types))("%s decodes to the reference's bits", (name) => {
  const { elements, bytes, values } = golden.types[name];
  if (!isGgmlType(name)) throw new Error(`no format ${name}`);
  const actual = dequantise(name, Buffer.from(bytes, "base64"), elements);
  const expected = new Float32Array(new Uint8Array(Buffer.from(values, "base64")).buffer);
  expect(new Uint32Array(actual.buffer)).toEqual(new Uint32Array(expected.buffer));
});

// The table of the specification: byte i is (73i + 41) mod 256, then d = 1.0 and m or dmin = 0.5.
const SPEC_BLOCKS: [
  type: GgmlType,
  ones: number,
  halves: number | undefined,
  values: [number, number][],
  sum: number,
][] = [
  [
    "Q4_K",
    0,
    2,
    [
      [0, 92.5],
      [1, 1.5],
      [16, 92.5],
      [32, 213],
      [63, 169],
      [64, 277.5],
      [128, 176.5],
      [200, 54],
      [255, -11.5],
    ],
    53352,
  ],
  [
    "Q5_K",
    0,
    2,
    [
      [0, 300.5],
      [1, 1.5],
      [16, 300.5],
      [32, 257],
      [63, 213],
      [64, 277.5],
      [128, 512.5],
      [200, 54],
      [255, -11.5],
    ],
    110072,
  ],
  [
    "Q6_K",
    208,
    undefined,
    [
      [0, 161],
      [1, -46],
      [16, -350],
      [32, 1107],
      [63, 1920],
      [64, 26],
      [128, -343],
      [200, -425],
      [255, 288],
    ],
    -14844,
  ],
  [
    "Q3_K",
    108,
    undefined,
    [
      [0, -7],
      [1, 14],
      [16, 2],
      [32, -54],
      [63, 112],
      [64, 76],
      [128, 24],
      [200, 78],
      [255, -24],
    ],
    234,
  ],
  [
    "Q2_K",
    80,
    82,
    [
      [0, 8],
      [1, 17],
      [16, -1.5],
      [32, 16.5],
      [63, 0],
      [64, 37],
      [128, -2.5],
      [200, 5.5],
      [255, -3.5],
    ],
    2043,
  ],
  [
    "IQ4_XS",
    0,
    undefined,
    [
      [0, -3016],
      [1, 725],
      [16, -290],
      [32, -416],
      [63, -196],
      [64, -2288],
      [128, 1768],
      [200, -312],
      [255, -750],
    ],
    -6450,
  ],
  [
    "Q5_0",
    0,
    undefined,
    [
      [0, 15],
      [1, 8],
      [16, 13],
      [31, 2],
    ],
    -45,
  ],
  [
    "Q4_1",
    0,
    2,
    [
      [0, 13.5],
      [1, 6.5],
      [16, 4.5],
      [31, 9.5],
    ],
    241,
  ],
  [
    "IQ4_NL",
    0,
    undefined,
    [
      [0, 38],
      [1, -49],
      [16, 38],
      [31, -127],
    ],
    -481,
  ],
];

test.each(SPEC_BLOCKS)("%s decodes the specification's block", (type, ones, halves, values, sum) => {
  const { elements, bytes } = blockFormat(type);
  const block = Uint8Array.from({ length: bytes }, (_, i) => (73 * i + 41) % 256);
  block.set([0x00, 0x3c], ones);
  if (halves !== undefined) block.set([0x00, 0x38], halves);
  const decoded = dequantise(type, block, elements);
  for (const [index, value] of values) expect(decoded[index]).toBe(value);
  expect(decoded.reduce((total, value) => total + value, 0)).toBe(sum);
});

// A short read must not become zeros.
test.each(BLOCK_FORMATS)("a block of $type cut short is refused", ({ type, elements, bytes }) => {
  expect(() => dequantise(type, new Uint8Array(bytes - 1), elements)).toThrow(QuantisedDataError);
  expect(() => dequantise(type, new Uint8Array(bytes + 1), elements)).toThrow(QuantisedDataError);
});

test("a part of a block is refused", () => {
  expect(() => byteLengthOf("Q4_K", 128)).toThrow(/blocks of 256 elements, not 128/);
  expect(() => byteLengthOf("Q4_K", -256)).toThrow(QuantisedDataError);
  expect(() => byteLengthOf("F32", 0.5)).toThrow(QuantisedDataError);
});

test("a known type that is not read is called by its name", () => {
  expect(() => blockFormatOfCode(16, "x.gguf, tensor a")).toThrow(/x\.gguf, tensor a: the tensor type IQ2_XXS/);
  expect(() => blockFormatOfCode(999, "x.gguf")).toThrow(/code 999/);
});

// NaN scales of a damaged file otherwise surface as an empty answer much later.
test("a NaN scale is refused when asked to check and passes through otherwise", () => {
  const block = new Uint8Array(34).fill(1);
  block.set([0x00, 0x7e]);
  expect(dequantise("Q8_0", block, 32)[3]).toBeNaN();
  expect(() => dequantise("Q8_0", block, 32, { checkFinite: true })).toThrow(/element 0 of 32 of Q8_0 is NaN/);
});

// Tensor bytes come as views into larger reads: an offset must not shift typed-array reads.
test("bytes at an odd offset decode like aligned bytes", () => {
  const raw = new Uint8Array(9);
  new DataView(raw.buffer).setFloat32(1, 1.5, true);
  new DataView(raw.buffer).setFloat32(5, -2, true);
  expect([...dequantise("F32", raw.subarray(1), 2)]).toEqual([1.5, -2]);
});

test("integer types and F64 decode to their values", () => {
  expect([...dequantise("I8", Uint8Array.of(255, 3), 2)]).toEqual([-1, 3]);
  expect([...dequantise("I16", new Uint8Array(Int16Array.of(-300).buffer), 1)]).toEqual([-300]);
  expect([...dequantise("I32", new Uint8Array(Int32Array.of(-70000).buffer), 1)]).toEqual([-70000]);
  expect([...dequantise("I64", new Uint8Array(BigInt64Array.of(-5n).buffer), 1)]).toEqual([-5]);
  expect([...dequantise("F64", new Uint8Array(Float64Array.of(0.25).buffer), 1)]).toEqual([0.25]);
});
