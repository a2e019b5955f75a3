import { expect, test } from "vitest";
import { startWebWorker } from "../../../src/backend/wasm/start-web-worker.ts";
import { createWasmBackend } from "../../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { dim } from "../../../src/tensor/dim.ts";
import { interpret } from "../../../src/tensor/oracle.ts";
import { record } from "../../../src/tensor/recorder.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";

const [ROWS, WIDTH] = [65, 96];

// Catches an engine that starts in Node alone: workers by address, shared memory and compiled kernels all differ in a page.
test("a linear layer on two threads of a page equals the oracle", async () => {
  const random = seededRandom(7);
  const graph = record((ops) => {
    const rows = ops.input("x", "f32", dim("T", ROWS), dim("D", WIDTH));
    ops.output("y", ops.linear(rows, { weight: ops.weight("w", dim("F", WIDTH), dim("D", WIDTH)) }));
  });
  const x = Float32Array.from({ length: ROWS * WIDTH }, () => random.normal());
  const w = Float32Array.from({ length: WIDTH * WIDTH }, () => random.normal());
  using backend = await createWasmBackend({ decode: dequantise, startWorker: startWebWorker, threadCount: 2 });
  expect(backend.info.threadCount).toBe(2);
  const readRows = async (begin: number, end: number) => new Uint8Array(w.slice(begin * WIDTH, end * WIDTH).buffer);
  const source = { name: "w", type: "F32", shape: [WIDTH, WIDTH], readRows } as const;
  using weight = await backend.upload(source, { precision: "float", uses: ["linear"] });
  using executable = backend.lower(graph, { weights: { w: weight } });
  const { y } = await executable.run({ inputs: { x } });
  const truth = interpret(graph, { inputs: { x }, weights: { w } }).outputs.y.data;
  let [error, energy] = [0, 0];
  for (const [i, value] of truth.entries()) {
    error += (y[i] - value) ** 2;
    energy += value ** 2;
  }
  expect(error / energy).toBeLessThan(1e-10);
});
