import type { F32, I32, Operand, Statement, V128 } from "./expression.ts";
import { asF32, asI32, expression } from "./expression.ts";
import { unsignedLeb } from "./leb.ts";
import { memoryImmediate } from "./scalar.ts";

const SIMD_PREFIX = 0xfd;

function simd(opcode: number): number[] {
  return [SIMD_PREFIX, ...unsignedLeb(opcode)];
}

function unary(opcode: number): (a: V128) => V128 {
  return (a) => expression("v128", [a], simd(opcode));
}

function binary(opcode: number): (a: V128, b: V128) => V128 {
  return (a, b) => expression("v128", [a, b], simd(opcode));
}

function ternary(opcode: number): (a: V128, b: V128, c: V128) => V128 {
  return (a, b, c) => expression("v128", [a, b, c], simd(opcode));
}

function shift(opcode: number): (a: V128, count: Operand<"i32">) => V128 {
  return (a, count) => expression("v128", [a, asI32(count)], simd(opcode));
}

function test(opcode: number): (a: V128) => I32 {
  return (a) => expression("i32", [a], simd(opcode));
}

function splatI32(opcode: number): (a: Operand<"i32">) => V128 {
  return (a) => expression("v128", [asI32(a)], simd(opcode));
}

function extractI32(opcode: number): (a: V128, lane: number) => I32 {
  return (a, lane) => expression("i32", [a], [...simd(opcode), lane]);
}

function load(opcode: number): (address: Operand<"i32">, offset?: number) => V128 {
  return (address, offset = 0) => expression("v128", [asI32(address)], [...simd(opcode), ...memoryImmediate(offset)]);
}

function storeLane(opcode: number): (address: Operand<"i32">, value: V128, lane: number, offset?: number) => Statement {
  return (address, value, lane, offset = 0) =>
    expression("void", [asI32(address), value], [...simd(opcode), ...memoryImmediate(offset), lane]);
}

function bytesOf(values: Float32Array | Float64Array | Int32Array | Int16Array | Int8Array): number[] {
  return [...new Uint8Array(values.buffer, values.byteOffset, values.byteLength)];
}

/** Whole-register instructions and memory accesses. */
export const v128 = {
  const: (bytes: readonly number[]): V128 => ({ type: "v128", code: [...simd(12), ...bytes] }),
  load: load(0),
  load8x8S: load(1),
  load8x8U: load(2),
  load16x4S: load(3),
  load16x4U: load(4),
  load8Splat: load(7),
  load16Splat: load(8),
  load32Splat: load(9),
  load64Splat: load(10),
  load32Zero: load(92),
  load64Zero: load(93),
  store: (address: Operand<"i32">, value: V128, offset = 0): Statement =>
    expression("void", [asI32(address), value], [...simd(11), ...memoryImmediate(offset)]),
  store8Lane: storeLane(88),
  store16Lane: storeLane(89),
  store32Lane: storeLane(90),
  store64Lane: storeLane(91),
  not: unary(77),
  and: binary(78),
  andnot: binary(79),
  or: binary(80),
  xor: binary(81),
  /** Bits of `a` where `mask` is 1, of `b` elsewhere. */
  bitselect: (a: V128, b: V128, mask: V128): V128 => expression("v128", [a, b, mask], simd(82)),
  anyTrue: test(83),
};

/** Sixteen 8-bit lanes. */
export const i8x16 = {
  const: (values: readonly number[]): V128 => v128.const(bytesOf(Int8Array.from(values))),
  /** `lanes` picks bytes of `a` (0…15) and `b` (16…31). */
  shuffle: (a: V128, b: V128, lanes: readonly number[]): V128 => expression("v128", [a, b], [...simd(13), ...lanes]),
  swizzle: binary(14),
  splat: splatI32(15),
  extractS: extractI32(21),
  extractU: extractI32(22),
  eq: binary(35),
  gtS: binary(39),
  abs: unary(96),
  neg: unary(97),
  narrowI16x8S: binary(101),
  narrowI16x8U: binary(102),
  shl: shift(107),
  shrS: shift(108),
  shrU: shift(109),
  add: binary(110),
  sub: binary(113),
  minS: binary(118),
  minU: binary(119),
  maxS: binary(120),
  maxU: binary(121),
};

/** Eight 16-bit lanes. */
export const i16x8 = {
  const: (values: readonly number[]): V128 => v128.const(bytesOf(Int16Array.from(values))),
  splat: splatI32(16),
  extractS: extractI32(24),
  extractU: extractI32(25),
  extaddPairwiseI8x16S: unary(124),
  extaddPairwiseI8x16U: unary(125),
  narrowI32x4S: binary(133),
  narrowI32x4U: binary(134),
  extendLowI8x16S: unary(135),
  extendHighI8x16S: unary(136),
  extendLowI8x16U: unary(137),
  extendHighI8x16U: unary(138),
  shl: shift(139),
  shrS: shift(140),
  shrU: shift(141),
  add: binary(142),
  sub: binary(145),
  mul: binary(149),
  extmulLowI8x16S: binary(156),
  extmulHighI8x16S: binary(157),
  /** Relaxed: pairs of signed 8 × 7-bit products; defined only for `b` in 0…127. */
  relaxedDotI8x16I7x16S: binary(0x112),
};

/** Four 32-bit lanes. */
export const i32x4 = {
  const: (values: readonly number[]): V128 => v128.const(bytesOf(Int32Array.from(values))),
  splat: splatI32(17),
  extract: extractI32(27),
  eq: binary(55),
  ne: binary(56),
  ltS: binary(57),
  gtS: binary(59),
  gtU: binary(60),
  geS: binary(63),
  extaddPairwiseI16x8S: unary(126),
  extaddPairwiseI16x8U: unary(127),
  abs: unary(160),
  neg: unary(161),
  extendLowI16x8S: unary(167),
  extendHighI16x8S: unary(168),
  extendLowI16x8U: unary(169),
  extendHighI16x8U: unary(170),
  shl: shift(171),
  shrS: shift(172),
  shrU: shift(173),
  add: binary(174),
  sub: binary(177),
  mul: binary(181),
  minS: binary(182),
  maxS: binary(184),
  dotI16x8S: binary(186),
  extmulLowI16x8S: binary(188),
  extmulHighI16x8S: binary(189),
  truncSatF32x4S: unary(248),
  relaxedTruncF32x4S: unary(0x101),
  /** Relaxed: c + 4-element dot products of signed 8 × 7-bit; defined only for `b` in 0…127. */
  relaxedDotI8x16I7x16AddS: ternary(0x113),
};

/** Four f32 lanes. */
export const f32x4 = {
  const: (values: readonly number[]): V128 => v128.const(bytesOf(Float32Array.from(values))),
  /** All four lanes hold the constant `value`. */
  all: (value: number): V128 => v128.const(bytesOf(Float32Array.from([value, value, value, value]))),
  splat: (a: Operand<"f32">): V128 => expression("v128", [asF32(a)], simd(19)),
  extract: (a: V128, lane: number): F32 => expression("f32", [a], [...simd(31), lane]),
  eq: binary(65),
  ne: binary(66),
  lt: binary(67),
  gt: binary(68),
  le: binary(69),
  ge: binary(70),
  nearest: unary(106),
  abs: unary(224),
  neg: unary(225),
  sqrt: unary(227),
  add: binary(228),
  sub: binary(229),
  mul: binary(230),
  div: binary(231),
  min: binary(232),
  max: binary(233),
  pmin: binary(234),
  pmax: binary(235),
  convertI32x4S: unary(250),
  /** Two f64 lanes rounded to f32 in lanes 0 and 1, zeros above. */
  demoteF64x2Zero: unary(94),
  convertI32x4U: unary(251),
  /** Relaxed a·b + c: fused where the machine fuses. */
  relaxedMadd: ternary(0x105),
  /** Relaxed c − a·b. */
  relaxedNmadd: ternary(0x106),
};

/** Two f64 lanes: only where f32 cannot hold an angle. */
export const f64x2 = {
  /** Both lanes hold the constant `value`. */
  all: (value: number): V128 => v128.const(bytesOf(Float64Array.from([value, value]))),
  nearest: unary(148),
  add: binary(240),
  sub: binary(241),
  mul: binary(242),
  /** Lanes 0 and 1 of an f32 vector, exact. */
  promoteLowF32x4: unary(95),
};
