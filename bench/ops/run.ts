// npm run bench -- ops [op …] [--trial]: the cases of the parity list timed on one thread, each row beside its error.
// One case an op, the one with the most work; every format and precision of a linear map.
import { type BenchCase, runBench } from "../../scripts/bench-lib.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import type { Precision } from "../../src/tensor/backend.ts";
import { cost } from "../../src/tensor/planner.ts";
import type { OpCase } from "../../src/tensor/testing/op-case.ts";
import { OP_CASES } from "../../src/tensor/testing/op-cases.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { bindCase, prepareCase, worstError } from "../../test/parity/run-case.ts";

const PRECISIONS: readonly Precision[] = ["float", "integer"];

const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const backend = await createWasmBackend({ decode: dequantise });
const cases: BenchCase[] = [];
for (const [op, list] of Object.entries(OP_CASES)) {
  if (named.length > 0 && !named.includes(op)) continue;
  const prepared = list.map((c) => ({ c, prepared: prepareCase(c) }));
  const sized = prepared.map(({ c, prepared: p }) => ({ c, p, flops: work(p) })).sort((a, b) => b.flops - a.flops);
  const chosen = op === "linear" ? firstOfEachFormat(sized) : sized.slice(0, 1);
  for (const { c, p, flops } of chosen) {
    for (const precision of PRECISIONS) {
      if (c.limits[precision] === undefined) continue;
      const bound = await bindCase(backend, p, precision);
      const error = { metric: "NMSE against the oracle", value: worstError(await bound.run(), p) };
      const run = async (): Promise<void> => {
        await bound.run();
      };
      const name = `${op}: ${c.name}`;
      cases.push({ name, path: `wasm ${precision}`, threads: 1, unit: "GFLOP/s", work: flops / 1e9, error, run });
    }
  }
}
await runBench("ops", [cases]);
backend[Symbol.dispose]();

interface SizedCase {
  readonly c: OpCase;
  readonly p: ReturnType<typeof prepareCase>;
  readonly flops: number;
}

/** Work of one run of all steps. */
function work({ graph, steps }: ReturnType<typeof prepareCase>): number {
  return steps.reduce((sum, { step }) => sum + cost(graph, step.extents ?? {}).flops, 0);
}

function firstOfEachFormat(sized: readonly SizedCase[]): readonly SizedCase[] {
  const seen = new Set<string>();
  return sized.filter(({ c }) => {
    const format = Object.values(c.types ?? {}).join(" ");
    if (seen.has(format)) return false;
    seen.add(format);
    return true;
  });
}
