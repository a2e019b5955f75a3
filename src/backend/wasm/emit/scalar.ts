import type { Expression, F32, I32, Operand, Statement, ValueType } from "./expression.ts";
import { asF32, asI32, constF32, constI32, expression } from "./expression.ts";
import { unsignedLeb } from "./leb.ts";

type IntegerBinary = (a: Operand<"i32">, b: Operand<"i32">) => I32;
type FloatBinary = (a: Operand<"f32">, b: Operand<"f32">) => F32;
type FloatUnary = (a: Operand<"f32">) => F32;

function integer(opcode: number): IntegerBinary {
  return (a, b) => expression("i32", [asI32(a), asI32(b)], [opcode]);
}

function float(opcode: number): FloatBinary {
  return (a, b) => expression("f32", [asF32(a), asF32(b)], [opcode]);
}

function floatUnary(opcode: number): FloatUnary {
  return (a) => expression("f32", [asF32(a)], [opcode]);
}

function compare(opcode: number): (a: Operand<"f32">, b: Operand<"f32">) => I32 {
  return (a, b) => expression("i32", [asF32(a), asF32(b)], [opcode]);
}

/** Memory immediate. The alignment is a hint, except for atomics, where it must be the natural one. */
export function memoryImmediate(offset: number, alignment = 0): number[] {
  return [alignment, ...unsignedLeb(offset)];
}

function loadI32(opcode: number): (address: Operand<"i32">, offset?: number) => I32 {
  return (address, offset = 0) => expression("i32", [asI32(address)], [opcode, ...memoryImmediate(offset)]);
}

function storeI32(opcode: number): (address: Operand<"i32">, value: Operand<"i32">, offset?: number) => Statement {
  return (address, value, offset = 0) =>
    expression("void", [asI32(address), asI32(value)], [opcode, ...memoryImmediate(offset)]);
}

/** i32 instructions. Numbers are constants; a trailing `offset` is the immediate of the memory access. */
export const i32 = {
  const: constI32,
  add: integer(0x6a),
  sub: integer(0x6b),
  mul: integer(0x6c),
  divS: integer(0x6d),
  divU: integer(0x6e),
  remU: integer(0x70),
  and: integer(0x71),
  or: integer(0x72),
  xor: integer(0x73),
  shl: integer(0x74),
  shrS: integer(0x75),
  shrU: integer(0x76),
  eq: integer(0x46),
  ne: integer(0x47),
  ltS: integer(0x48),
  ltU: integer(0x49),
  gtS: integer(0x4a),
  gtU: integer(0x4b),
  leS: integer(0x4c),
  leU: integer(0x4d),
  geS: integer(0x4e),
  geU: integer(0x4f),
  eqz: (a: Operand<"i32">): I32 => expression("i32", [asI32(a)], [0x45]),
  clz: (a: Operand<"i32">): I32 => expression("i32", [asI32(a)], [0x67]),
  truncSatF32: (a: Operand<"f32">): I32 => expression("i32", [asF32(a)], [0xfc, 0x00]),
  reinterpretF32: (a: Operand<"f32">): I32 => expression("i32", [asF32(a)], [0xbc]),
  load: loadI32(0x28),
  load8S: loadI32(0x2c),
  load8U: loadI32(0x2d),
  load16S: loadI32(0x2e),
  load16U: loadI32(0x2f),
  store: storeI32(0x36),
  store8: storeI32(0x3a),
  store16: storeI32(0x3b),
};

/** f32 instructions. */
export const f32 = {
  const: constF32,
  add: float(0x92),
  sub: float(0x93),
  mul: float(0x94),
  div: float(0x95),
  min: float(0x96),
  max: float(0x97),
  abs: floatUnary(0x8b),
  neg: floatUnary(0x8c),
  nearest: floatUnary(0x90),
  sqrt: floatUnary(0x91),
  eq: compare(0x5b),
  lt: compare(0x5d),
  gt: compare(0x5e),
  convertI32: (a: Operand<"i32">): F32 => expression("f32", [asI32(a)], [0xb2]),
  reinterpretI32: (a: Operand<"i32">): F32 => expression("f32", [asI32(a)], [0xbe]),
  load: (address: Operand<"i32">, offset = 0): F32 =>
    expression("f32", [asI32(address)], [0x2a, ...memoryImmediate(offset)]),
  store: (address: Operand<"i32">, value: Operand<"f32">, offset = 0): Statement =>
    expression("void", [asI32(address), asF32(value)], [0x38, ...memoryImmediate(offset)]),
};

/** `select`: `whenTrue` if `condition` is not zero. Both sides are evaluated. */
export function select<T extends ValueType>(
  whenTrue: Expression<T>,
  whenFalse: Expression<T>,
  condition: Operand<"i32">,
): Expression<T> {
  const untyped = 0x1b;
  if (whenTrue.type !== "v128") return expression(whenTrue.type, [whenTrue, whenFalse, asI32(condition)], [untyped]);
  return expression(whenTrue.type, [whenTrue, whenFalse, asI32(condition)], [0x1c, 1, 0x7b]);
}

/** Bulk memory. Byte counts; regions may overlap. */
export const memory = {
  copy: (to: Operand<"i32">, from: Operand<"i32">, bytes: Operand<"i32">): Statement =>
    expression("void", [asI32(to), asI32(from), asI32(bytes)], [0xfc, 0x0a, 0, 0]),
  fill: (to: Operand<"i32">, value: Operand<"i32">, bytes: Operand<"i32">): Statement =>
    expression("void", [asI32(to), asI32(value), asI32(bytes)], [0xfc, 0x0b, 0]),
};
