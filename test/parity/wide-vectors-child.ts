// Runs with 256-bit vectors switched on: prints the error of every integer map of the case list, as JSON.
import { createBackend } from "../../src/backend/registry.ts";
import { LINEAR_CASES } from "../../src/tensor/testing/op-cases/linear-cases.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { prepareCase, runCase, worstError } from "./run-case.ts";

const seen: { name: string; error: number; limit: number }[] = [];
for (const pairs of [false, true]) {
  using backend = await createBackend("wasm", { decode: dequantise, features: { pairs } });
  for (const c of LINEAR_CASES) {
    const limit = c.limits.integer;
    if (limit === undefined) continue;
    const prepared = prepareCase(c);
    const error = worstError(await runCase(backend, prepared, "integer"), prepared);
    seen.push({ name: `${c.name}, pairs ${pairs}`, error, limit });
  }
}
console.log(JSON.stringify(seen));
