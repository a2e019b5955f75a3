import { expect, test } from "vitest";
import { atomic } from "./atomics.ts";
import type { I32, Operand, V128 } from "./expression.ts";
import { constI32 } from "./expression.ts";
import { detectWasmFeatures } from "./features.ts";
import { signedLeb, unsignedLeb } from "./leb.ts";
import { ModuleBuilder } from "./module-builder.ts";
import { f32, i32, memory, select } from "./scalar.ts";
import * as simd from "./simd.ts";

const plain = { shared: false, initialPages: 1, maximumPages: 1 };

// bug: a value whose top payload bit equals the sign bit written one byte short
test("LEB128 equals the encodings of the WebAssembly specification's examples", () => {
  expect(unsignedLeb(624485)).toEqual([0xe5, 0x8e, 0x26]);
  expect(unsignedLeb(0xffffffff)).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
  expect(signedLeb(-123456)).toEqual([0xc0, 0xbb, 0x78]);
  expect(signedLeb(64)).toEqual([0xc0, 0x00]);
  expect(signedLeb(-64)).toEqual([0x40]);
  expect(signedLeb(0x80000000)).toEqual(signedLeb(-0x80000000));
});

// bug: an opcode typed wrong; the validator knows every operand type
test("every instruction of the tables validates in the engine", () => {
  const v = simd.v128.load(0);
  const groups = {
    i8x16: simd.i8x16,
    i16x8: simd.i16x8,
    i32x4: simd.i32x4,
    f32x4: simd.f32x4,
    f64x2: simd.f64x2,
    v128: simd.v128,
  };
  const special = new Set(["const", "all", "splat", "shuffle", "store", "anyTrue", "bitselect"]);
  for (const [group, table] of Object.entries(groups)) {
    for (const [name, make] of Object.entries(table) as [string, (...args: unknown[]) => V128][]) {
      if (special.has(name) || name.startsWith("load") || name.startsWith("store")) continue;
      const isShift = /^sh[lr]/.test(name);
      const isExtract = name.startsWith("extract");
      const operands = isExtract ? [v, 0] : isShift ? [v, 1] : [v, v, v];
      const module = new ModuleBuilder(plain);
      module.function([], {}, (f) => f.drop(make(...operands)));
      expect(WebAssembly.validate(module.encode()), `${group}.${name}`).toBe(true);
    }
  }
});

// bug: branch depth off by one, or a loop that tests too late
test("counted loops, blocks and ifs run as written", () => {
  const module = new ModuleBuilder(plain);
  module.function(["i32"], { name: "sum", result: "i32" }, (f) => {
    const n = f.parameter(0, "i32");
    const i = f.i32();
    const total = f.i32();
    f.block((exit) => {
      f.for(i, { from: 0, below: n }, () => {
        f.if(i32.eq(i, 10), () => f.branch(exit));
        f.set(total, i32.add(total, i));
      });
    });
    f.return(total);
  });
  const { sum } = instantiate(module);
  expect([sum(0), sum(1), sum(5), sum(100)]).toEqual([0, 0, 10, 45]);
});

// bug: a shared memory's limits encoded as unshared; atomics with a wrong alignment do not validate
test("atomics and bulk memory work over an imported shared memory", () => {
  const module = new ModuleBuilder({ ...plain, shared: true });
  module.function(["i32"], { name: "bump", result: "i32" }, (f) => {
    f.emit(memory.fill(64, 7, 4), memory.copy(0, 64, 4));
    f.drop(atomic.add(0, f.parameter(0, "i32")));
    f.drop(atomic.notify(0, 1));
    f.return(select(atomic.load(0), constI32(-1), i32.gtS(f.parameter(0, "i32"), 0)));
  });
  const memoryObject = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory: memoryObject } });
  const bump = instance.exports.bump as (n: number) => number;
  expect(bump(5)).toBe(0x07070707 + 5);
  expect(bump(0)).toBe(-1);
});

// bug: detection that throws, or an override that is ignored
test("features are found by validation and can be forced", () => {
  const found = detectWasmFeatures();
  expect(found.simd).toBe(true);
  expect(detectWasmFeatures({ relaxedSimd: false }).relaxedSimd).toBe(false);
});

// bug: float constants truncated or byte-swapped
test("scalar arithmetic gives what JavaScript gives", () => {
  const module = new ModuleBuilder(plain);
  const binary: Record<string, (a: Operand<"i32">, b: Operand<"i32">) => I32> = {
    divU: i32.divU,
    shrU: i32.shrU,
    shrS: i32.shrS,
  };
  for (const [name, op] of Object.entries(binary)) {
    module.function(["i32", "i32"], { name, result: "i32" }, (f) =>
      f.return(op(f.parameter(0, "i32"), f.parameter(1, "i32"))),
    );
  }
  module.function([], { name: "pi", result: "f32" }, (f) => f.return(f32.mul(f32.const(Math.PI), 2)));
  const { divU, shrU, shrS, pi } = instantiate(module);
  expect(divU(-2, 2)).toBe(0x7fffffff);
  expect(shrU(-1, 28)).toBe(15);
  expect(shrS(-16, 2)).toBe(-4);
  expect(pi()).toBe(Math.fround(Math.fround(Math.PI) * 2));
});

function instantiate(module: ModuleBuilder): Record<string, (...args: number[]) => number> {
  const memoryObject = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory: memoryObject } });
  return instance.exports as Record<string, (...args: number[]) => number>;
}
