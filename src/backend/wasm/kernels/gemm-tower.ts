// y[M,N] = x·Wᵀ (+ bias) for float weights repacked at load to i8 with one f32 scale per 128 of K: the vision towers
// (1152 = 9·128; 4304 is padded to 4352). Activations: u7x128, so outlier channels only coarsen their own 128.
// Panel of eight columns and 128 of K: weights i8 [32][8][4] · scale f32[8] · sum of the weights i32[8]: 1088 bytes.
import type { Local } from "../emit/expression.ts";
import type { ModuleBuilder } from "../emit/module-builder.ts";
import { i32 } from "../emit/scalar.ts";
import type { GemmWork } from "./gemm-quantised.ts";
import { emitRows, emitStore, GEMM_ARGUMENTS } from "./gemm-quantised.ts";
import type { KernelFamily, KernelVariant } from "./kernel.ts";
import { defineKernel, kernelSignature } from "./kernel.ts";
import { ACTIVATION_RECORDS } from "./quantise-activations.ts";
import { emitFloatBlockCore, INT8_COLUMNS } from "./tile-int8.ts";

const BLOCK = 128;
const SCALES = BLOCK * INT8_COLUMNS;
const SUMS = SCALES + INT8_COLUMNS * 4;
const PANEL_BYTES = SUMS + INT8_COLUMNS * 4;

/** Arguments as of the quantised GEMMs; x: u7x128 records; k: any, as given to the quantiser and the packer. */
const gemmI8x128 = kernelSignature("gemmI8x128", GEMM_ARGUMENTS);

/** The kernel of repacked towers. */
export const towerFamily: KernelFamily = {
  signatures: [gemmI8x128],
  emit: (module: ModuleBuilder, variant: KernelVariant) => {
    const { bytes: recordBytes } = ACTIVATION_RECORDS.u7x128;
    const core = emitFloatBlockCore(module, variant, {
      side: "activations",
      largest: 127,
      block: BLOCK,
      weightStride: PANEL_BYTES,
      scaleStride: PANEL_BYTES,
      scales: SCALES,
      correction: { kind: "zero point", offset: SUMS },
      recordBytes,
    });
    const store = emitStore(module);
    defineKernel(module, gemmI8x128, (f, p) => {
      const blocks: Local<"i32"> = f.i32(i32.shrU(i32.add(p.k, BLOCK - 1), 7));
      const tileRecords = f.i32(i32.mul(blocks, recordBytes));
      const work: GemmWork = {
        // the driver counts panels of four columns
        panelBytes: f.i32(i32.mul(blocks, PANEL_BYTES / 2)),
        tileRecords,
        matrix: (_f, { panel, x, tiles, accumulators }) =>
          f.emit(core.call(x, tileRecords, tiles, panel, accumulators, blocks)),
      };
      emitRows(f, p, work, store);
    });
  },
};

/** Bytes of the repacked form of an [N, K] weight. */
export function towerPanelBytes(n: number, k: number): number {
  return Math.ceil(n / INT8_COLUMNS) * Math.ceil(k / BLOCK) * PANEL_BYTES;
}

/**
 * Quantises float rows [rowBegin, rowBegin + rows.length / k) of an [N, K] weight into `panels`, which are zero
 * beforehand. Rows may come in any chunks.
 */
export function packTowerRows(
  panels: Uint8Array,
  rows: Float32Array,
  { rowBegin, k }: { readonly rowBegin: number; readonly k: number },
): void {
  const view = new DataView(panels.buffer, panels.byteOffset, panels.byteLength);
  const bytes = new Int8Array(panels.buffer, panels.byteOffset, panels.byteLength);
  const blocks = Math.ceil(k / BLOCK);
  for (let r = 0; r * k < rows.length; r++) {
    const column = (rowBegin + r) % INT8_COLUMNS;
    const panel = Math.floor((rowBegin + r) / INT8_COLUMNS) * blocks * PANEL_BYTES;
    for (let b = 0; b < blocks; b++) {
      const at = panel + b * PANEL_BYTES;
      const begin = r * k + b * BLOCK;
      const count = Math.min(BLOCK, k - b * BLOCK);
      const scale = largestMagnitude(rows, begin, count) / 127;
      const isTiny = !(scale > 1e-20); // no denormal reaches a float unit
      const inverse = isTiny ? 0 : 1 / scale;
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const q = Math.round(rows[begin + i] * inverse);
        sum += q;
        bytes[at + (i >> 2) * 32 + column * 4 + (i & 3)] = q; // [32][8][4]
      }
      view.setFloat32(at + SCALES + column * 4, isTiny ? 0 : scale, true);
      view.setInt32(at + SUMS + column * 4, sum, true);
    }
  }
}

function largestMagnitude(values: Float32Array, begin: number, count: number): number {
  let top = 0;
  for (let i = begin; i < begin + count; i++) {
    const magnitude = Math.abs(values[i]);
    if (magnitude > top) top = magnitude;
  }
  return top;
}
