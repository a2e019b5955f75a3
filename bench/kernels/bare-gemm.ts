import { ModuleBuilder } from "../../src/backend/wasm/emit/module-builder.ts";
import { i32 } from "../../src/backend/wasm/emit/scalar.ts";
import { i32x4, v128 } from "../../src/backend/wasm/emit/simd.ts";
import { dotAdd } from "../../src/backend/wasm/kernels/int8-dot.ts";
import type { KernelVariant } from "../../src/backend/wasm/kernels/kernel.ts";
import { emitSteps, INT8_ROWS } from "../../src/backend/wasm/kernels/tile-int8.ts";

/**
 * The int8 GEMM's inner loop without any scale, what the formats lose to theirs is read off it. `bareGemm`: x i8 [M/4][K/4][4][4],
 * w 0…127 [N/8][K/4][8][4], y i32 [N/8][M/4][4][8]; (x, w, y, tiles = M/4, panels = N/8, steps = K/4).
 */
export function bareGemmModule(variant: KernelVariant): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ shared: true, initialPages: 1, maximumPages: 65536 });
  module.function(["i32", "i32", "i32", "i32", "i32", "i32"], { name: "bareGemm" }, (f) => {
    const [x, w, y, tiles, panels, steps] = [0, 1, 2, 3, 4, 5].map((index) => f.parameter(index, "i32"));
    const sums = f.vectors(8);
    const [panel, tile, xAt, wAt] = [f.i32(), f.i32(), f.i32(), f.i32()];
    f.for(panel, { from: 0, below: panels }, () => {
      f.set(xAt, x);
      f.for(tile, { from: 0, below: tiles }, () => {
        f.set(wAt, i32.add(w, i32.mul(i32.shl(steps, 5), panel)));
        for (const sum of sums) f.set(sum, f.hoist(i32x4.const([0, 0, 0, 0])));
        emitSteps(f, dotAdd(variant), "weights", { x: xAt, w: wAt, steps, sums });
        for (const [i, sum] of sums.entries()) f.emit(v128.store(y, sum, i * 16));
        f.advance(y, INT8_ROWS * 32);
      });
    });
  });
  return module.encode();
}
