import type { BenchCase } from "../../scripts/bench-lib.ts";
import { floatGemms, integerGemm } from "./gemm-cases.ts";
import { matrixVector } from "./gemv-cases.ts";
import type { KernelTeam } from "./kernel-team.ts";
import { attention, elementwise, recurrent } from "./row-cases.ts";

/** Makes the cases of one group over the team's memory. */
export type CaseGroup = (team: KernelTeam) => readonly BenchCase[];

/** All groups by the name that the command line selects. */
export const CASE_GROUPS: Readonly<Record<string, CaseGroup>> = {
  gemm: integerGemm,
  float: floatGemms,
  gemv: matrixVector,
  attention,
  elementwise,
  recurrent,
};
