import { atomic } from "./atomics.ts";
import type { I32 } from "./expression.ts";
import { ModuleBuilder } from "./module-builder.ts";
import { i32x4, v128 } from "./simd.ts";

/** What the engine that runs us can compile. */
export interface WasmFeatures {
  readonly simd: boolean;
  readonly relaxedSimd: boolean;
  readonly threads: boolean;
  readonly memory64: boolean;
}

const IMPORT = { initialPages: 1, maximumPages: 1 };

/** Validates tiny modules: no user agent, no version is looked at. `force` overrides single answers, for tests. */
export function detectWasmFeatures(force: Partial<WasmFeatures> = {}): WasmFeatures {
  return {
    simd: accepts(false, () => v128.anyTrue(v128.load(0))),
    relaxedSimd: accepts(false, () =>
      v128.anyTrue(i32x4.relaxedDotI8x16I7x16AddS(v128.load(0), v128.load(0), v128.load(0))),
    ),
    threads: typeof SharedArrayBuffer !== "undefined" && accepts(true, () => atomic.load(0)),
    memory64: WebAssembly.validate(MEMORY64_MODULE),
    ...force,
  };
}

// (module (memory i64 1))
const MEMORY64_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 4, 1);

function accepts(shared: boolean, body: () => I32): boolean {
  const module = new ModuleBuilder({ ...IMPORT, shared });
  module.function([], { result: "i32" }, (f) => f.return(body()));
  return WebAssembly.validate(module.encode());
}
