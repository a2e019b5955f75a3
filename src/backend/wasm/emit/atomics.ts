import type { Expression, I32, Operand, Statement } from "./expression.ts";
import { asI32, expression } from "./expression.ts";
import { memoryImmediate } from "./scalar.ts";

const ATOMIC_PREFIX = 0xfe;
const I32_ALIGNMENT = 2;

function readModifyWrite(opcode: number): (address: Operand<"i32">, value: Operand<"i32">, offset?: number) => I32 {
  return (address, value, offset = 0) =>
    expression(
      "i32",
      [asI32(address), asI32(value)],
      [ATOMIC_PREFIX, opcode, ...memoryImmediate(offset, I32_ALIGNMENT)],
    );
}

const forever: Expression<"i32"> = { type: "i32", code: [0x42, 0x7f] }; // i64.const -1

/** Sequentially consistent i32 atomics; addresses must be multiples of 4. Read-modify-write returns the old value. */
export const atomic = {
  load: (address: Operand<"i32">, offset = 0): I32 =>
    expression("i32", [asI32(address)], [ATOMIC_PREFIX, 0x10, ...memoryImmediate(offset, I32_ALIGNMENT)]),
  store: (address: Operand<"i32">, value: Operand<"i32">, offset = 0): Statement =>
    expression(
      "void",
      [asI32(address), asI32(value)],
      [ATOMIC_PREFIX, 0x17, ...memoryImmediate(offset, I32_ALIGNMENT)],
    ),
  add: readModifyWrite(0x1e),
  sub: readModifyWrite(0x25),
  exchange: readModifyWrite(0x41),
  /** Wakes up to `count` waiters; returns how many. */
  notify: readModifyWrite(0x00),
  /** Sleeps without a time limit while the cell holds `expected`: 0 woken, 1 not equal. */
  wait: (address: Operand<"i32">, expected: Operand<"i32">, offset = 0): I32 =>
    expression(
      "i32",
      [asI32(address), asI32(expected), forever],
      [ATOMIC_PREFIX, 0x01, ...memoryImmediate(offset, I32_ALIGNMENT)],
    ),
};
