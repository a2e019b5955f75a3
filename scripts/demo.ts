/** What `npm start` shows until the command line's own demonstration stands: what this machine has, and the engine measured against plain code. */
import { availableParallelism } from "node:os";
import { detectWasmFeatures } from "../src/backend/wasm/emit/features.ts";
import { startNodeWorker } from "../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../src/base/random.ts";
import type { WeightSource } from "../src/tensor/backend.ts";
import { dim } from "../src/tensor/dim.ts";
import { record } from "../src/tensor/recorder.ts";
import { dequantise } from "../src/weights/quant/dequantise.ts";
import { medianWithSpread } from "./bench-lib.ts";

const [ROWS, WIDTH] = [256, 1024];
const FLOPS = 2 * ROWS * WIDTH * WIDTH;
const ROUNDS = 9;

const FEATURES = {
  simd: "128-bit SIMD",
  relaxedSimd: "relaxed SIMD",
  threads: "threads over shared memory",
  memory64: "64-bit memory",
} as const;

async function gigaflops(run: () => Promise<unknown>): Promise<string> {
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await run();
    rates.push(FLOPS / 1e6 / (performance.now() - start));
  }
  return `${medianWithSpread(rates).median.toFixed(1)} GFLOP/s`;
}

/** Row-major x Wᵀ in double precision. */
function plainLinear(x: Float32Array, w: Float32Array): Float64Array {
  const y = new Float64Array(ROWS * WIDTH);
  for (let r = 0; r < ROWS; r++) {
    for (let o = 0; o < WIDTH; o++) {
      let sum = 0;
      for (let i = 0; i < WIDTH; i++) sum += x[r * WIDTH + i] * w[o * WIDTH + i];
      y[r * WIDTH + o] = sum;
    }
  }
  return y;
}

function normalisedError(actual: Float32Array | Int32Array, truth: Float64Array): number {
  let [error, energy] = [0, 0];
  for (const [i, value] of truth.entries()) {
    error += (actual[i] - value) ** 2;
    energy += value ** 2;
  }
  return error / energy;
}

async function measureEngine(
  threadCount: number,
  x: Float32Array,
  w: Float32Array,
  truth: Float64Array,
): Promise<string> {
  const graph = record((ops) => {
    const rows = ops.input("x", "f32", dim("T", ROWS), dim("D", WIDTH));
    ops.output("y", ops.linear(rows, { weight: ops.weight("w", dim("F", WIDTH), dim("D", WIDTH)) }));
  });
  const source: WeightSource = {
    name: "w",
    type: "F32",
    shape: [WIDTH, WIDTH],
    readRows: async (begin, end) => new Uint8Array(w.slice(begin * WIDTH, end * WIDTH).buffer),
  };
  using backend = await createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount });
  using weight = await backend.upload(source, { precision: "float", uses: ["linear"] });
  using executable = backend.lower(graph, { weights: { w: weight } });
  const { y } = await executable.run({ inputs: { x } });
  const rate = await gigaflops(() => executable.run({ inputs: { x } }));
  return `${rate}, NMSE ${normalisedError(y, truth).toExponential(1)} (${backend.info.description})`;
}

const random = seededRandom(1);
const x = Float32Array.from({ length: ROWS * WIDTH }, () => random.normal());
const w = Float32Array.from({ length: WIDTH * WIDTH }, () => random.normal());
const cores = availableParallelism();
const found = detectWasmFeatures();
console.log(`Node ${process.version} on ${cores} cores. WebAssembly has:`);
for (const [name, text] of Object.entries(FEATURES))
  console.log(`  ${found[name as keyof typeof FEATURES] ? "yes" : "no "} ${text}`);
console.log(`A linear layer, ${ROWS} rows, ${WIDTH} → ${WIDTH}, median of ${ROUNDS}:`);
let truth: Float64Array = new Float64Array();
console.log(`  plain loop: ${await gigaflops(async () => (truth = plainLinear(x, w)))}`);
for (const threadCount of new Set([1, cores])) {
  console.log(`  engine:     ${await measureEngine(threadCount, x, w, truth)}`);
}
