import { ModuleBuilder } from "../emit/module-builder.ts";
import { attentionFamily } from "./attention-f32.ts";
import { attentionInt8Family } from "./attention-int8.ts";
import { deltaChunkFamily } from "./delta-chunk.ts";
import { elementwiseFamily } from "./elementwise.ts";
import { fusedFamily } from "./fused-quantise.ts";
import { emitGemmF32, gemmF32 } from "./gemm-f32.ts";
import { floatGemmFamily } from "./gemm-float.ts";
import { quantisedGemmFamily } from "./gemm-quantised.ts";
import { towerFamily } from "./gemm-tower.ts";
import type { KernelFamily, KernelSignature, KernelVariant } from "./kernel.ts";
import { moveFamily } from "./move.ts";
import { normFamily } from "./norm.ts";
import { quantiseFamily } from "./quantise-activations.ts";
import { recurrentFamily } from "./recurrent.ts";
import { rotaryFamily } from "./rotary.ts";
import { emitF32Tiles } from "./tile-f32.ts";

/** Largest memory a module accepts: all that wasm32 can address. */
export const MAXIMUM_MEMORY_PAGES = 65536;

const f32Family: KernelFamily = {
  signatures: [gemmF32, ...attentionFamily.signatures, ...floatGemmFamily.signatures, ...deltaChunkFamily.signatures],
  emit: (module, variant) => {
    const tiles = emitF32Tiles(module, variant);
    emitGemmF32(module, tiles);
    attentionFamily.emit(module, variant, tiles);
    floatGemmFamily.emit(module, variant, tiles);
    deltaChunkFamily.emit(module, variant, tiles);
  },
};

const FAMILIES: readonly KernelFamily[] = [
  elementwiseFamily,
  normFamily,
  moveFamily,
  rotaryFamily,
  recurrentFamily,
  f32Family,
  quantiseFamily,
  quantisedGemmFamily,
  towerFamily,
  attentionInt8Family,
  fusedFamily,
];

/** Every exported kernel with its arguments, in the order of the module. */
export const KERNEL_SIGNATURES: readonly KernelSignature[] = FAMILIES.flatMap((family) => family.signatures);

/** The module's bytes. Import `env.memory`: shared exactly if `threads`, and at most MAXIMUM_MEMORY_PAGES. */
export function buildKernelModule(variant: KernelVariant): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({
    shared: variant.threads,
    initialPages: 1,
    maximumPages: MAXIMUM_MEMORY_PAGES,
  });
  for (const family of FAMILIES) family.emit(module, variant);
  return module.encode();
}
