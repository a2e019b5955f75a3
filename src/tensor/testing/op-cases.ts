import type { OpName } from "../definitions.ts";
import type { OpCase } from "./op-case.ts";
import { GATHER_CASES, LINEAR_CASES, TRANSPOSED_CASES } from "./op-cases/linear-cases.ts";

/** What every backend must compute as the oracle does: the one list behind parity tests, benchmarks and docs/ops.md. */
export const OP_CASES: Readonly<Partial<Record<OpName, readonly OpCase[]>>> = {
  linear: LINEAR_CASES,
  transposedLinear: TRANSPOSED_CASES,
  gatherRows: GATHER_CASES,
};
