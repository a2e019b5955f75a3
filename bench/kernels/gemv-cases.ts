import type { BenchCase } from "../../scripts/bench-lib.ts";
import { FORMAT_ACTIVATIONS, GEMM_SCRATCH_BYTES } from "../../src/backend/wasm/kernels/gemm-quantised.ts";
import {
  PANEL_FORMATS,
  type PanelFormatName,
  quantisedPanelBytes,
} from "../../src/backend/wasm/kernels/weight-panel.ts";
import { noAnswer, normals, onThreads, perPart, quantised, type SplitCase, share } from "./case-parts.ts";
import { FORMATS } from "./gemm-cases.ts";
import type { KernelTeam } from "./kernel-team.ts";
import { placePanels, productError } from "./product.ts";
import { DECODERS } from "./shapes.ts";

/** One run reads this much, the next run the next stretch of as much: past every cache, weights come from memory. */
const SLICE_BYTES = 24 * 2 ** 20;
const SLICES = 3;
/** Rows that are drawn; the rest repeats them. */
const DRAWN_ROWS = 512;
const SEED = 5;

/** A stretch after the other. */
function inTurn(begin: number, bytes: number): (part: number) => number {
  let turn = 0;
  return (part) => {
    if (part === 0) turn = (turn + 1) % SLICES;
    return begin + turn * bytes;
  };
}

function gemv(team: KernelTeam, format: PanelFormatName, label: string, k: number): SplitCase {
  const values = normals(k, SEED);
  const x = quantised(team, FORMAT_ACTIVATIONS[format], values, { rows: 1, k });
  const drawnBytes = quantisedPanelBytes(PANEL_FORMATS[format], DRAWN_ROWS, k);
  const copies = Math.max(1, Math.round(SLICE_BYTES / drawnBytes));
  const n = copies * DRAWN_ROWS;
  const weight = placePanels(team, format, { n: DRAWN_ROWS, k }, copies * SLICES);
  const next = inTurn(weight.address, copies * drawnBytes);
  const [y, scratch] = [team.reserve(n * 4), perPart(team, GEMM_SCRATCH_BYTES)];
  const kernel = `gemm${format.replace("_", "")}`;
  const split = (part: number, parts: number) => {
    const args = [x, next(part), 0, y, n * 4, 0, 1, ...share(n, 8, part, parts), k, 0, scratch[part]];
    return { kernel, args };
  };
  const name = `${format} GEMV from memory, k ${k}, ${label}`;
  return { name, unit: "GB/s", work: copies * drawnBytes, split, check: () => productError(team, y, values, weight) };
}

export function matrixVector(team: KernelTeam): readonly BenchCase[] {
  const [older, middle, small] = [DECODERS["2.5"], DECODERS["2.6"], DECODERS["4.6"]];
  const to = perPart(team, 192);
  const next = inTurn(team.reserve(SLICE_BYTES * SLICES), SLICE_BYTES);
  const read: SplitCase = {
    name: "peak read stream",
    unit: "GB/s",
    work: SLICE_BYTES,
    split: (part, parts) => {
      const [begin, end] = share(SLICE_BYTES, 4096, part, parts);
      return { kernel: "readStream", args: [next(part) + begin, end - begin, to[part]] };
    },
    check: noAnswer,
  };
  return onThreads(team, [
    read,
    ...FORMATS.map((format) => gemv(team, format, "q/o of 2.6", middle.width)),
    gemv(team, "Q4_K", "down of 2.6", middle.feedForward),
    gemv(team, "Q6_K", "down of 2.6", middle.feedForward),
    gemv(team, "Q4_K", "q/o of 2.5", older.width),
    gemv(team, "Q6_K", "down of 2.5", older.feedForward),
    gemv(team, "Q4_K", "gate/up of 4.6", small.width),
    gemv(team, "Q6_K", "head of 4.6", small.width),
  ]);
}
