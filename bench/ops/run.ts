// npm run bench -- ops [op …] [--trial]: the cases of the parity list timed on one thread, each row beside its error.
// One case an op, the one with the most work; of a linear map every format and precision, and the shapes of the models.
import { type BenchCase, nmseError, runBench } from "../../scripts/bench-lib.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import type { Precision } from "../../src/tensor/backend.ts";
import { cost } from "../../src/tensor/planner.ts";
import type { OpCase } from "../../src/tensor/testing/op-case.ts";
import { OP_CASES } from "../../src/tensor/testing/op-cases.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { bindCase, drawCase, prepareCase, worstError } from "../../test/parity/run-case.ts";

const PRECISIONS: readonly Precision[] = ["float", "integer"];

const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const backend = await createWasmBackend({ decode: dequantise });
const cases: BenchCase[] = [];
for (const [op, list] of Object.entries(OP_CASES)) {
  if (named.length > 0 && !named.includes(op)) continue;
  const prepared = list.map((c) => ({ c, prepared: prepareCase(c) }));
  const sized = prepared.map(({ c, prepared: p }) => ({ c, p, flops: work(p) })).sort((a, b) => b.flops - a.flops);
  const ofModels = sized.filter(({ c }) => c.timed !== undefined);
  const others = sized.filter(({ c }) => c.timed === undefined);
  const chosen = op === "linear" ? [...ofModels, ...firstOfEachFormat(others)] : sized.slice(0, 1);
  for (const { c, p, flops } of chosen) {
    for (const precision of PRECISIONS) {
      if (c.limits[precision] === undefined) continue;
      const checked = await bindCase(backend, p, precision);
      const error = nmseError(worstError(await checked.run(), p), "the oracle");
      const timed = c.timed === undefined ? p : drawCase(c, [c.timed]);
      const bound = timed === p ? checked : await bindCase(backend, timed, precision);
      const run = async (): Promise<void> => {
        await bound.run();
      };
      const rows = c.timed?.extents?.rows;
      const name = `${op}: ${c.name}${rows === undefined ? "" : `, ${rows} at once`}`;
      const gigaFlops = (timed === p ? flops : work(timed)) / 1e9;
      cases.push({ name, path: `wasm ${precision}`, threads: 1, unit: "GFLOP/s", work: gigaFlops, error, run });
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
function work({ graph, steps }: ReturnType<typeof drawCase>): number {
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
