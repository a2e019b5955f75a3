import type { BenchCase } from "../../scripts/bench-lib.ts";
import { attentionScratchBytes } from "../../src/backend/wasm/kernels/attention-f32.ts";
import { attentionInt8ScratchBytes } from "../../src/backend/wasm/kernels/attention-int8.ts";
import { deltaChunkScratchBytes } from "../../src/backend/wasm/kernels/delta-chunk.ts";
import { FLOAT_SCRATCH_BYTES } from "../../src/backend/wasm/kernels/gemm-float.ts";
import { FORMAT_ACTIVATIONS, GEMM_SCRATCH_BYTES } from "../../src/backend/wasm/kernels/gemm-quantised.ts";
import { towerPanelBytes } from "../../src/backend/wasm/kernels/gemm-tower.ts";
import { activationBytes } from "../../src/backend/wasm/kernels/quantise-activations.ts";
import type { PanelFormatName } from "../../src/backend/wasm/kernels/weight-panel.ts";
import { PANEL_FORMATS, quantisedPanelBytes } from "../../src/backend/wasm/kernels/weight-panel.ts";
import { bits, onThreads, perPart, quantised, quantiser, type SplitCase, share, waves } from "./case-parts.ts";
import type { KernelTeam } from "./kernel-team.ts";
import { DOT_OPERATIONS, MADD_OPERATIONS } from "./peaks.ts";

/** Makes the cases of one group over the team's memory. */
export type CaseGroup = (team: KernelTeam) => readonly BenchCase[];

const FORMATS = Object.keys(FORMAT_ACTIVATIONS) as PanelFormatName[];
const PREFILL_ROWS = 512;
/** N of GEMM cases is cut to this: the rate does not depend on it. */
const COLUMNS = 512;
/** Past every cache: the weights of matrix-vector cases come from memory, the next stretch of it at each run. */
const STREAM_BYTES = 512 * 2 ** 20;
const SLICE_BYTES = 24 * 2 ** 20;
const PEAK_ROUNDS = 2e5;

function peak(team: KernelTeam, kernel: "peakDot" | "peakMadd"): SplitCase {
  const to = perPart(team, 192);
  const [unit, operations] =
    kernel === "peakDot" ? (["GOP/s", DOT_OPERATIONS] as const) : (["GFLOP/s", MADD_OPERATIONS] as const);
  const split = (part: number) => ({ kernel, args: [PEAK_ROUNDS, to[part]] });
  return { name: `peak ${kernel}`, unit, work: PEAK_ROUNDS * operations, isPerThread: true, split };
}

function bare(team: KernelTeam): SplitCase {
  const [m, n, k] = [PREFILL_ROWS, COLUMNS, 1152];
  const [x, w, y] = [team.reserve(m * k), team.reserve(n * k), team.reserve(m * n * 4)];
  const split = (part: number, parts: number) => {
    const [begin, end] = share(n / 8, 1, part, parts);
    return { kernel: "bareGemm", args: [x, w + begin * 8 * k, y + begin * 8 * m * 4, m / 4, end - begin, k / 4] };
  };
  return { name: `int8 GEMM without scales ${m}×${n}×${k}`, unit: "GOP/s", work: 2 * m * n * k, split };
}

function gemm(team: KernelTeam, format: PanelFormatName | "i8×128", label: string, k: number): SplitCase {
  const [m, n] = [PREFILL_ROWS, COLUMNS];
  const isTower = format === "i8×128";
  const x = quantised(team, isTower ? "u7x128" : FORMAT_ACTIVATIONS[format], m, k);
  const w = team.reserve(isTower ? towerPanelBytes(n, k) : quantisedPanelBytes(PANEL_FORMATS[format], n, k));
  const [y, scratch] = [team.reserve(m * n * 4), perPart(team, GEMM_SCRATCH_BYTES)];
  const kernel = isTower ? "gemmI8x128" : `gemm${format.replace("_", "")}`;
  const split = (part: number, parts: number) => {
    const [begin, end] = share(n, 8, part, parts);
    return { kernel, args: [x, w, 0, y, n * 4, 0, m, begin, end, k, 0, scratch[part]] };
  };
  return { name: `${format} GEMM ${m}×${n}×${k}, ${label}`, unit: "GOP/s", work: 2 * m * n * k, split };
}

const integerGemm: CaseGroup = (team) =>
  onThreads(team, [
    peak(team, "peakDot"),
    bare(team),
    ...FORMATS.map((format) => gemm(team, format, "q/o of 2.6", 3584)),
    gemm(team, "i8×128", "vision q/k/v/out, fc1", 1152),
    gemm(team, "i8×128", "vision fc2", 4304),
  ]);

function floatGemm(team: KernelTeam, kernel: "gemmF32" | "gemmFloatF16", k: number): SplitCase {
  const [m, n] = [PREFILL_ROWS, COLUMNS];
  const [x, w, y] = [team.place(waves(m * k)), team.place(waves(n * k)), team.reserve(m * n * 4)];
  const scratch = perPart(team, FLOAT_SCRATCH_BYTES);
  const split = (part: number, parts: number) => {
    const range = [x, k * 4, w, 0, y, n * 4, 0, m, ...share(n, 8, part, parts), k, 0];
    return { kernel, args: kernel === "gemmF32" ? range : [...range, scratch[part]] };
  };
  const label = kernel === "gemmF32" ? "f32" : "f16";
  return { name: `${label} GEMM ${m}×${n}×${k}`, unit: "GFLOP/s", work: 2 * m * n * k, split };
}

const float: CaseGroup = (team) =>
  onThreads(team, [
    peak(team, "peakMadd"),
    floatGemm(team, "gemmF32", 1152),
    floatGemm(team, "gemmF32", 4304),
    floatGemm(team, "gemmFloatF16", 1152),
  ]);

/** Hands out one stretch of the stream after the other. */
function streamOf(team: KernelTeam): (part: number) => number {
  const begin = team.reserve(STREAM_BYTES + SLICE_BYTES);
  let at = 0;
  return (part) => {
    if (part === 0) at = (at + SLICE_BYTES) % STREAM_BYTES;
    return begin + at;
  };
}

function gemv(team: KernelTeam, format: PanelFormatName, k: number, next: (part: number) => number): SplitCase {
  const x = quantised(team, FORMAT_ACTIVATIONS[format], 1, k);
  const rowBytes = quantisedPanelBytes(PANEL_FORMATS[format], 16, k) / 16;
  const n = Math.floor(SLICE_BYTES / rowBytes / 16) * 16;
  const [y, scratch] = [team.reserve(n * 4), perPart(team, GEMM_SCRATCH_BYTES)];
  const kernel = `gemm${format.replace("_", "")}`;
  const split = (part: number, parts: number) => {
    const args = [x, next(part), 0, y, n * 4, 0, 1, ...share(n, 8, part, parts), k, 0, scratch[part]];
    return { kernel, args };
  };
  return { name: `${format} GEMV from memory, k ${k}`, unit: "GB/s", work: n * rowBytes, split };
}

const matrixVector: CaseGroup = (team) => {
  const [next, to] = [streamOf(team), perPart(team, 192)];
  const read: SplitCase = {
    name: "peak read stream",
    unit: "GB/s",
    work: SLICE_BYTES,
    split: (part, parts) => {
      const [begin, end] = share(SLICE_BYTES, 4096, part, parts);
      return { kernel: "readStream", args: [next(part) + begin, end - begin, to[part]] };
    },
  };
  return onThreads(team, [
    read,
    ...FORMATS.map((format) => gemv(team, format, 3584, next)),
    ...(["Q4_K", "Q6_K"] as const).map((format) => gemv(team, format, 18944, next)),
  ]);
};

const attention: CaseGroup = (team) => {
  const [rows, heads, width] = [1024, 16, 72];
  const qkv = team.place(waves(rows * heads * width));
  const spans = team.place(new Int32Array(rows * 2).map((_, i) => (i & 1) * rows));
  const strides = [width * 4, heads * width * 4];
  const y = team.reserve(rows * heads * width * 4);
  const operands = [qkv, ...strides, y, ...strides, qkv, ...strides, qkv, ...strides];
  const scratch = perPart(team, attentionScratchBytes(width));
  const scratch8 = perPart(team, attentionInt8ScratchBytes(width));
  const work = 4 * rows * rows * heads * width;
  const tail = (part: number, parts: number): readonly number[] => [
    ...operands,
    0,
    rows,
    ...share(heads, 1, part, parts),
    1,
    width,
    spans,
    bits(width ** -0.5),
  ];
  const name = (kind: string): string => `${kind} attention ${rows}×${heads}×${width}`;
  const cases: readonly SplitCase[] = [
    {
      name: name("f32"),
      unit: "GFLOP/s",
      work,
      split: (part, parts) => ({ kernel: "attentionF32", args: [...tail(part, parts), scratch[part]] }),
    },
    {
      name: name("int8"),
      unit: "GOP/s",
      work,
      split: (part, parts) => ({ kernel: "attentionInt8", args: [...tail(part, parts), scratch8[part], rows, 0] }),
    },
  ];
  return onThreads(team, [...cases, gemm(team, "i8×128", "the layer's linears", 1152)]);
};

const elementwise: CaseGroup = (team) => {
  const [rows, k] = [256, 4304];
  const x = team.place(waves(rows * k));
  const [y, records] = [team.reserve(rows * k * 4), team.reserve(activationBytes("u7x128", rows, k))];
  const scratch = perPart(team, k * 4);
  const shared = { unit: "Gelement/s", work: rows * k } as const;
  const quantise = (kind: "i8x256" | "u7x128"): SplitCase => ({
    ...shared,
    name: quantiser(kind),
    split: (part, parts) => ({ kernel: quantiser(kind), args: [x, k * 4, y, ...share(rows, 4, part, parts), k] }),
  });
  const unary = ["geluTanh", "geluErf", "silu"].map(
    (kernel): SplitCase => ({
      ...shared,
      name: kernel,
      split: (part, parts) => ({ kernel, args: [x, y, ...share(rows * k, 4, part, parts)] }),
    }),
  );
  const fused: SplitCase = {
    ...shared,
    name: "geluTanhQuantiseU7x128",
    split: (part, parts) => ({
      kernel: "geluTanhQuantiseU7x128",
      args: [x, k * 4, records, ...share(rows, 4, part, parts), k, scratch[part]],
    }),
  };
  return onThreads(team, [...unary, quantise("i8x256"), quantise("u7x128"), fused]);
};

const recurrent: CaseGroup = (team) => {
  const [rows, heads, width] = [256, 16, 128];
  const [headBytes, rowBytes] = [width * 4, heads * width * 4];
  const small = team.place(waves(rows * heads * width).map((value) => value / 32));
  const y = team.reserve(rows * rowBytes);
  const gates = [
    team.place(waves(rows * heads).map((value) => -Math.abs(value) / 8)),
    team.place(waves(rows * heads).map(Math.abs)),
  ];
  const state = team.place(new Float32Array(heads * width * width));
  const sequence = team.place(new Int32Array(rows));
  const scratch = perPart(team, deltaChunkScratchBytes(width, width));
  const strides = [headBytes, rowBytes];
  const operands = [small, small, ...strides, small, ...strides, y, ...strides, ...gates, state, sequence, rows];
  // three products with the state for each row and head
  const work = 6 * rows * heads * width * width;
  return onThreads(
    team,
    (["deltaNet", "deltaNetChunk"] as const).map((kernel): SplitCase => {
      const split = (part: number, parts: number) => {
        const args = [...operands, ...share(heads, 1, part, parts), heads, width, width];
        return { kernel, args: kernel === "deltaNet" ? args : [...args, scratch[part]] };
      };
      return { name: `${kernel} ${rows}×${heads}×${width}×${width}`, unit: "GFLOP/s", work, split };
    }),
  );
};

/** All groups by the name that the command line selects. */
export const CASE_GROUPS: Readonly<Record<string, CaseGroup>> = {
  gemm: integerGemm,
  float,
  gemv: matrixVector,
  attention,
  elementwise,
  recurrent,
};
