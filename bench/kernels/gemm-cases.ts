import type { BenchCase } from "../../scripts/bench-lib.ts";
import { FLOAT_SCRATCH_BYTES } from "../../src/backend/wasm/kernels/gemm-float.ts";
import { FORMAT_ACTIVATIONS, GEMM_SCRATCH_BYTES } from "../../src/backend/wasm/kernels/gemm-quantised.ts";
import type { PanelFormatName } from "../../src/backend/wasm/kernels/weight-panel.ts";
import { seededRandom } from "../../src/base/random.ts";
import { compared, noAnswer, normals, onThreads, perPart, quantised, type SplitCase, share } from "./case-parts.ts";
import type { KernelTeam } from "./kernel-team.ts";
import { DOT_OPERATIONS, MADD_OPERATIONS, PAIR_DEPTHS, PAIR_OPERATIONS, type PeakName } from "./peaks.ts";
import { placeFloats, placePanels, placeTower, productError } from "./product.ts";
import { DECODERS, ENCODER } from "./shapes.ts";

export const FORMATS = Object.keys(FORMAT_ACTIVATIONS) as PanelFormatName[];
const PREFILL_ROWS = 512;
/** N of GEMM cases is cut to this: the rate does not depend on it. */
const COLUMNS = 512;
const PEAK_ROUNDS = 1e5;
const SEED = 3;

function peak(team: KernelTeam, kernel: PeakName, operations: number): SplitCase {
  const to = perPart(team, 192);
  const unit = kernel === "peakMadd" ? "GFLOP/s" : "GOP/s";
  const split = (part: number) => ({ kernel, args: [PEAK_ROUNDS, to[part]] });
  return { name: `peak ${kernel}`, unit, work: PEAK_ROUNDS * operations, isPerThread: true, split, check: noAnswer };
}

/** The int8 inner loop without scales: sums of bytes with 0…15, exact. */
function bare(team: KernelTeam): SplitCase {
  const [m, n, k] = [PREFILL_ROWS, COLUMNS, ENCODER.width];
  const random = seededRandom(SEED);
  const xs = Int8Array.from({ length: m * k }, () => random.below(255) - 127);
  const ws = Uint8Array.from({ length: n * k }, () => random.below(16));
  const [x, w, y] = [team.place(new Uint8Array(xs.buffer)), team.place(ws), team.reserve(m * n * 4)];
  const split = (part: number, parts: number) => {
    const [begin, end] = share(n / 8, 1, part, parts);
    return { kernel: "bareGemm", args: [x, w + begin * 8 * k, y + begin * 8 * m * 4, m / 4, end - begin, k / 4] };
  };
  const check = () => {
    // the first tile: x [K/4][4][4], w [K/4][8][4], y [4][8]
    const sum = (row: number, column: number): number => {
      let total = 0;
      for (let i = 0; i < k; i++) {
        total += xs[(i >> 2) * 16 + row * 4 + (i & 3)] * ws[(i >> 2) * 32 + column * 4 + (i & 3)];
      }
      return total;
    };
    const sums = new Int32Array(team.floats(y, 32).buffer);
    return compared(
      sums,
      Array.from(sums, (_, i) => sum(i >> 3, i & 7)),
    );
  };
  return { name: `int8 GEMM without scales ${m}×${n}×${k}`, unit: "GOP/s", work: 2 * m * n * k, split, check };
}

function gemm(team: KernelTeam, format: PanelFormatName | "i8×128", label: string, k: number): SplitCase {
  const [m, n] = [PREFILL_ROWS, COLUMNS];
  const isTower = format === "i8×128";
  const values = normals(m * k, SEED);
  const x = quantised(team, isTower ? "u7x128" : FORMAT_ACTIVATIONS[format], values, { rows: m, k });
  const weight = isTower ? placeTower(team, { n, k }) : placePanels(team, format, { n, k });
  const [y, scratch] = [team.reserve(m * n * 4), perPart(team, GEMM_SCRATCH_BYTES)];
  const kernel = isTower ? "gemmI8x128" : `gemm${format.replace("_", "")}`;
  const split = (part: number, parts: number) => {
    const [begin, end] = share(n, 8, part, parts);
    return { kernel, args: [x, weight.address, 0, y, n * 4, 0, m, begin, end, k, 0, scratch[part]] };
  };
  const check = () => productError(team, y, values, weight);
  return { name: `${format} GEMM ${m}×${n}×${k}, ${label}`, unit: "GOP/s", work: 2 * m * n * k, split, check };
}

const ENCODER_LAYER = "one layer of the encoder";

/** The tower's map that the attention of a layer is compared with. */
export const encoderLinear = (team: KernelTeam): SplitCase => gemm(team, "i8×128", ENCODER_LAYER, ENCODER.width);

export function integerGemm(team: KernelTeam): readonly BenchCase[] {
  const [older, middle, small] = [DECODERS["2.5"], DECODERS["2.6"], DECODERS["4.6"]];
  return onThreads(team, [
    peak(team, "peakDot", DOT_OPERATIONS),
    ...PAIR_DEPTHS.map((depth) => peak(team, `peakPairs${depth}`, PAIR_OPERATIONS)),
    bare(team),
    ...FORMATS.map((format) => gemm(team, format, "q/o of 2.6", middle.width)),
    gemm(team, "Q4_K", "down of 2.6", middle.feedForward),
    gemm(team, "Q6_K", "down of 2.6", middle.feedForward),
    gemm(team, "Q4_K", "q/o of 2.5", older.width),
    gemm(team, "Q6_K", "down of 2.5", older.feedForward),
    gemm(team, "Q4_K", "gate/up of 4.6", small.width),
    gemm(team, "Q6_K", "down of 4.6", small.feedForward),
    gemm(team, "i8×128", "vision q/k/v/out, fc1", ENCODER.width),
    gemm(team, "i8×128", "vision fc2", ENCODER.feedForward),
  ]);
}

function floatGemm(team: KernelTeam, type: "F32" | "F16", k: number): SplitCase {
  const [m, n] = [PREFILL_ROWS, COLUMNS];
  const values = normals(m * k, SEED);
  const weight = placeFloats(team, type, { n, k });
  const [x, y] = [team.place(values), team.reserve(m * n * 4)];
  const scratch = perPart(team, FLOAT_SCRATCH_BYTES);
  const split = (part: number, parts: number) => {
    const range = [x, k * 4, weight.address, 0, y, n * 4, 0, m, ...share(n, 8, part, parts), k, 0];
    return type === "F32"
      ? { kernel: "gemmF32", args: range }
      : { kernel: "gemmFloatF16", args: [...range, scratch[part]] };
  };
  const check = () => productError(team, y, values, weight);
  return { name: `${type.toLowerCase()} GEMM ${m}×${n}×${k}`, unit: "GFLOP/s", work: 2 * m * n * k, split, check };
}

export function floatGemms(team: KernelTeam): readonly BenchCase[] {
  return onThreads(team, [
    peak(team, "peakMadd", MADD_OPERATIONS),
    floatGemm(team, "F32", ENCODER.width),
    floatGemm(team, "F32", ENCODER.feedForward),
    floatGemm(team, "F16", ENCODER.width),
  ]);
}
