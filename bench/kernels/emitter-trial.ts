// The trial behind docs/adr/0002-emitter.md: the module as our assembler writes it against the same module passed through
// binaryen's optimiser, whose JavaScript builder has no relaxed SIMD and therefore has to be given finished bytes.
import binaryen from "binaryen";
import { GEMM_SCRATCH_BYTES } from "../../src/backend/wasm/kernels/gemm-quantised.ts";
import { packTowerRows, towerPanelBytes } from "../../src/backend/wasm/kernels/gemm-tower.ts";
import { buildKernelModule } from "../../src/backend/wasm/kernels/module.ts";
import { activationBytes } from "../../src/backend/wasm/kernels/quantise-activations.ts";
import { kernelMemory } from "./kernel-memory.ts";

const VARIANT = { relaxed: true, threads: false };
const SHAPE = { m: 512, n: 64, k: 1152 };
const ROUNDS = 60;

function throughOptimiser(bytes: Uint8Array<ArrayBuffer>, level: number): Uint8Array<ArrayBuffer> {
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  binaryen.setOptimizeLevel(level);
  binaryen.setShrinkLevel(0);
  module.optimize();
  const optimised = Uint8Array.from(module.emitBinary());
  module.dispose();
  return optimised;
}

function workloads(bytes: Uint8Array<ArrayBuffer>): Readonly<Record<string, () => void>> {
  const { m, n, k } = SHAPE;
  const memory = kernelMemory(VARIANT, 64, bytes);
  const x = memory.place(new Float32Array(m * k).map((_, i) => Math.sin(i)));
  const weights = new Float32Array(n * k).map((_, i) => Math.cos(i));
  const panels = new Uint8Array(towerPanelBytes(n, k));
  packTowerRows(panels, weights, { rowBegin: 0, k });
  const [w, w8, y] = [memory.place(weights), memory.place(panels), memory.reserve(m * n * 4)];
  const records = memory.reserve(activationBytes("u7x128", m, k));
  const scratch = memory.reserve(GEMM_SCRATCH_BYTES);
  memory.run("quantiseU7x128", x, k * 4, records, 0, m, k);
  return {
    "f32 6×8": () => memory.run("gemmF32", x, k * 4, w, 0, y, n * 4, 0, m, 0, n, k, 0),
    "int8 4×8": () => memory.run("gemmI8x128", records, w8, 0, y, n * 4, 0, m, 0, n, k, 0, scratch),
  };
}

const start = performance.now();
const assembled = buildKernelModule(VARIANT);
console.log(`assembler: ${(performance.now() - start).toFixed(0)} ms for ${assembled.length} bytes`);
const candidates = new Map([["assembler", assembled]]);
for (const level of [2, 4]) {
  const begin = performance.now();
  const bytes = throughOptimiser(assembled, level);
  console.log(`binaryen -O${level}: ${(performance.now() - begin).toFixed(0)} ms, ${bytes.length} bytes`);
  candidates.set(`binaryen -O${level}`, bytes);
}
const runs = [...candidates].flatMap(([emitter, bytes]) =>
  Object.entries(workloads(bytes)).map(([kernel, run]) => ({ label: `${kernel}, ${emitter}`, run, best: Infinity })),
);
for (let round = 0; round < ROUNDS; round++) {
  for (const entry of runs) {
    const begin = performance.now();
    entry.run();
    entry.best = Math.min(entry.best, performance.now() - begin);
  }
}
const operations = 2 * SHAPE.m * SHAPE.n * SHAPE.k;
for (const { label, best } of runs)
  console.log(`${label}: ${(operations / best / 1e6).toFixed(1)} G/s best of ${ROUNDS}`);
