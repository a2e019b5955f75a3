import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend, Precision } from "../../src/tensor/backend.ts";
import { OP_CASES } from "../../src/tensor/testing/op-cases.ts";
import { prepareCase, runCase, worstError } from "./run-case.ts";

/** Backends of one kernel variant: what they compute must be the same to the bit. */
export type BackendVariants = Readonly<Record<string, Readonly<Record<string, () => Promise<Backend>>>>>;

/** Every case of every op on every backend against the oracle, twice, and the same bits within a variant. */
export function describeOps(variants: BackendVariants): void {
  const backends = new Map<string, Map<string, Backend>>();
  beforeAll(async () => {
    for (const [variant, creators] of Object.entries(variants)) {
      const made = new Map<string, Backend>();
      for (const [name, create] of Object.entries(creators)) made.set(name, await create());
      backends.set(variant, made);
    }
  });
  afterAll(() => {
    for (const made of backends.values()) for (const backend of made.values()) backend[Symbol.dispose]();
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
          for (const [variant, made] of backends) {
            let first: unknown;
            for (const [name, backend] of made) {
              const results = await runCase(backend, prepared, precision as Precision);
              const where = `${variant}, ${name}, ${precision}`;
              expect(worstError(results, prepared), where).toBeLessThanOrEqual(limit);
              first ??= results;
              expect(results, where).toEqual(first);
              expect(await runCase(backend, prepared, precision as Precision), `${where}, again`).toEqual(first);
            }
          }
        }
      });
    });
  }
}
