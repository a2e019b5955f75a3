import { signedLeb } from "./leb.ts";

/** WebAssembly value types used by the kernels. */
export type ValueType = "i32" | "f32" | "v128";

/** Code that leaves one value of type `T` on the stack, or nothing for "void". Immutable: reuse repeats the code. */
export interface Expression<T extends ValueType | "void"> {
  readonly type: T;
  readonly code: readonly number[];
}

/** A local variable; as an expression it reads the local. */
export interface Local<T extends ValueType> extends Expression<T> {
  readonly index: number;
}

export type I32 = Expression<"i32">;
export type F32 = Expression<"f32">;
export type V128 = Expression<"v128">;
export type Statement = Expression<"void">;

/** What an operand slot accepts: plain numbers stand for constants where the type has a scalar literal. */
export type Operand<T extends ValueType> = Expression<T> | (T extends "v128" ? never : number);

const f32Bytes = new Uint8Array(4);
const f32View = new DataView(f32Bytes.buffer);

/** `i32.const`. */
export function constI32(value: number): I32 {
  return { type: "i32", code: [0x41, ...signedLeb(value)] };
}

/** `f32.const`, rounded to float32. */
export function constF32(value: number): F32 {
  f32View.setFloat32(0, value, true);
  return { type: "f32", code: [0x43, ...f32Bytes] };
}

/** Turns an i32 operand into code. */
export function asI32(operand: Operand<"i32">): I32 {
  return typeof operand === "number" ? constI32(operand) : operand;
}

/** Turns an f32 operand into code. */
export function asF32(operand: Operand<"f32">): F32 {
  return typeof operand === "number" ? constF32(operand) : operand;
}

/** Joins operand code and an opcode into one expression. */
export function expression<T extends ValueType | "void">(
  type: T,
  operands: readonly Expression<ValueType>[],
  opcode: readonly number[],
): Expression<T> {
  return { type, code: [...operands.flatMap((operand) => operand.code), ...opcode] };
}
