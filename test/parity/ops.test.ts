import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startNodeWorker } from "../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import type { Backend, Precision } from "../../src/tensor/backend.ts";
import { OP_CASES } from "../../src/tensor/testing/op-cases.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { prepareCase, runCase, worstError } from "./run-case.ts";

const decode = dequantise;
const VARIANTS: Readonly<Record<string, () => Promise<Backend>>> = {
  "relaxed, inline": () => createWasmBackend({ decode }),
  "relaxed, 2 threads": () => createWasmBackend({ decode, startWorker: startNodeWorker, threadCount: 2 }),
  "plain, inline": () => createWasmBackend({ decode, features: { relaxedSimd: false } }),
  "plain, 2 threads": () =>
    createWasmBackend({ decode, startWorker: startNodeWorker, threadCount: 2, features: { relaxedSimd: false } }),
};

const backends = new Map<string, Backend>();
beforeAll(async () => {
  for (const [name, create] of Object.entries(VARIANTS)) backends.set(name, await create());
});
afterAll(() => {
  for (const backend of backends.values()) backend[Symbol.dispose]();
});

// lists that several ops share are run once
const seen = new Set<unknown>();
const lists = Object.entries(OP_CASES).filter(([, cases]) => !seen.has(cases) && seen.add(cases));

// bugs: a kernel that differs from the op's float64 definition, for any format, size, mask or number of threads
for (const [op, cases] of lists) {
  describe(op, () => {
    test.each(cases)("$name", async (c) => {
      const prepared = prepareCase(c);
      for (const [precision, limit] of Object.entries(c.limits)) {
        const runs: Record<string, unknown> = {};
        for (const [name, backend] of backends) {
          const results = await runCase(backend, prepared, precision as Precision);
          const where = `${name}, ${precision}`;
          expect(worstError(results, prepared), where).toBeLessThanOrEqual(limit);
          runs[name] = results;
        }
        const [first] = backends.values();
        expect(await runCase(first, prepared, precision as Precision)).toEqual(runs["relaxed, inline"]);
        // the same bits for any number of threads, and twice
        expect(runs["relaxed, 2 threads"]).toEqual(runs["relaxed, inline"]);
        expect(runs["plain, 2 threads"]).toEqual(runs["plain, inline"]);
      }
    });
  });
}
