/** What `npm start` shows until the command line's own demonstration stands: what this machine has, and one measured loop. */
import { availableParallelism } from "node:os";
import { wasmFeatures } from "./wasm-features.ts";

const LENGTH = 1 << 20;
const ROUNDS = 32;

/** Median of the seconds that one dot product of two float32 vectors takes. */
function timeDotProduct(): number {
  const a = new Float32Array(LENGTH).fill(0.5);
  const b = new Float32Array(LENGTH).fill(2);
  const seconds = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    let sum = 0;
    for (let i = 0; i < LENGTH; i++) sum += a[i] * b[i];
    if (sum !== LENGTH) throw new Error(`dot product: expected ${LENGTH}, got ${sum}`);
    return (performance.now() - start) / 1000;
  });
  return seconds.toSorted((x, y) => x - y)[ROUNDS / 2] ?? 0;
}

console.log(`Node ${process.version}, ${availableParallelism()} cores`);
for (const { name, found } of wasmFeatures()) console.log(`WebAssembly ${name}: ${found ? "yes" : "no"}`);
console.log(`Plain TypeScript dot product: ${((2 * LENGTH) / timeDotProduct() / 1e9).toFixed(2)} GFLOP/s on one core`);
