import "../../../src/base/disposal-symbols.ts";

import { startWebWorker } from "../../../src/backend/wasm/start-web-worker.ts";
import { createWasmBackend } from "../../../src/backend/wasm/wasm-backend.ts";
import type { Backend, Precision } from "../../../src/tensor/backend.ts";
import { OP_CASES } from "../../../src/tensor/testing/op-cases.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";
import { prepareCase, runCase, worstError } from "../../parity/run-case.ts";

/** What the page tells of itself, of each case that fails, and at its end. */
export type Report =
  | {
      readonly kind: "start";
      readonly agent: string;
      readonly isIsolated: boolean;
      readonly backends: readonly string[];
    }
  | { readonly kind: "missing"; readonly backend: string; readonly problem: string }
  | { readonly kind: "failed"; readonly op: string; readonly name: string; readonly problem: string }
  | { readonly kind: "end"; readonly passed: number; readonly failed: number };

async function tell(report: Report): Promise<void> {
  await fetch("/report", { method: "POST", body: JSON.stringify(report) });
}

async function backends(): Promise<ReadonlyMap<string, Backend>> {
  const creators: Readonly<Record<string, () => Promise<Backend>>> = {
    "1 thread": () => createWasmBackend({ decode: dequantise }),
    "2 threads": () => createWasmBackend({ decode: dequantise, startWorker: startWebWorker, threadCount: 2 }),
  };
  const made = new Map<string, Backend>();
  for (const [name, create] of Object.entries(creators)) {
    try {
      made.set(name, await create());
    } catch (error) {
      await tell({ kind: "missing", backend: name, problem: String(error) });
    }
  }
  return made;
}

/** Every case of every op against the oracle, and the same bits on every number of threads. */
async function runAll(made: ReadonlyMap<string, Backend>): Promise<void> {
  const seen = new Set<unknown>();
  let [passed, failed] = [0, 0];
  for (const [op, cases] of Object.entries(OP_CASES)) {
    // lists that several ops share are run once
    if (seen.has(cases)) continue;
    seen.add(cases);
    for (const each of cases) {
      const problem = await problemOf(each, made).catch((error: unknown) => String(error));
      if (problem === undefined) passed++;
      else {
        failed++;
        await tell({ kind: "failed", op, name: each.name, problem });
      }
    }
  }
  await tell({ kind: "end", passed, failed });
}

async function problemOf(
  each: (typeof OP_CASES)[keyof typeof OP_CASES][number],
  made: ReadonlyMap<string, Backend>,
): Promise<string | undefined> {
  const prepared = prepareCase(each);
  for (const [precision, limit] of Object.entries(each.limits)) {
    let first: string | undefined;
    for (const [name, backend] of made) {
      const results = await runCase(backend, prepared, precision as Precision);
      const error = worstError(results, prepared);
      if (!(error <= limit)) return `${name}, ${precision}: error ${error}, limit ${limit}`;
      const bits = JSON.stringify(results.map((outputs) => Object.values(outputs).map((data) => Array.from(data))));
      first ??= bits;
      if (bits !== first) return `${name}, ${precision}: other bits than on one thread`;
    }
  }
  return undefined;
}

const made = await backends();
await tell({
  kind: "start",
  agent: navigator.userAgent,
  isIsolated: globalThis.crossOriginIsolated,
  backends: [...made].map(([name, { info }]) => `${name}: ${info.description}`),
});
await runAll(made);
