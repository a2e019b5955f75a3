import { attentionScratchBytes } from "../../src/backend/wasm/kernels/attention-f32.ts";
import { attentionInt8ScratchBytes } from "../../src/backend/wasm/kernels/attention-int8.ts";
import { FLOAT_SCRATCH_BYTES } from "../../src/backend/wasm/kernels/gemm-float.ts";
import { FORMAT_ACTIVATIONS, GEMM_SCRATCH_BYTES } from "../../src/backend/wasm/kernels/gemm-quantised.ts";
import { towerPanelBytes } from "../../src/backend/wasm/kernels/gemm-tower.ts";
import type { ActivationKind } from "../../src/backend/wasm/kernels/quantise-activations.ts";
import { activationBytes } from "../../src/backend/wasm/kernels/quantise-activations.ts";
import type { PanelFormatName } from "../../src/backend/wasm/kernels/weight-panel.ts";
import { PANEL_FORMATS, quantisedPanelBytes } from "../../src/backend/wasm/kernels/weight-panel.ts";
import type { KernelMemory } from "./kernel-memory.ts";

/** What a row's rate counts and which peak it is held against. */
export type Unit = "GFLOP/s" | "GOP/s" | "GB/s" | "Melement/s";

/** One benchmark row. */
export interface KernelCase {
  readonly name: string;
  readonly unit: Unit;
  /** Operations, bytes or elements of one run. */
  readonly work: number;
  run(): void;
}

interface Linear {
  readonly model: string;
  readonly n: number;
  readonly k: number;
}

/** Rows [N, K] that the released models multiply by. N of GEMM cases is cut to 512: the rate does not depend on it. */
const LANGUAGE_LINEARS: readonly Linear[] = [
  { model: "2.6 q/o", n: 3584, k: 3584 },
  { model: "2.6 down", n: 3584, k: 18944 },
  { model: "2.5 gate/up", n: 14336, k: 4096 },
  { model: "4.6 gate/up", n: 3584, k: 1024 },
];
const VISION_LINEARS: readonly Linear[] = [
  { model: "vision q/k/v/out", n: 1152, k: 1152 },
  { model: "vision fc1", n: 4304, k: 1152 },
  { model: "vision fc2", n: 1152, k: 4304 },
];
const PREFILL_ROWS = 512;
const GEMM_COLUMNS = 512;
const FORMATS = Object.keys(FORMAT_ACTIVATIONS) as PanelFormatName[];

const bits = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0];
const values = (count: number): Float32Array => new Float32Array(count).map((_, i) => Math.sin(i * 0.7) * 2);
const quantiser = (kind: ActivationKind): string => `quantise${kind.toUpperCase().replace("X", "x")}`;

/** Makes the cases of one name filter; each allocates its own operands in `memory`. */
export type CaseGroup = (memory: KernelMemory) => readonly KernelCase[];

function quantisedCase(memory: KernelMemory, format: PanelFormatName, rows: number, linear: Linear): KernelCase {
  const n = rows === 1 ? linear.n : Math.min(linear.n, GEMM_COLUMNS);
  const { k, model } = linear;
  const kind = FORMAT_ACTIVATIONS[format];
  const records = memory.reserve(activationBytes(kind, rows, k));
  memory.run(quantiser(kind), memory.place(values(rows * k)), k * 4, records, 0, rows, k);
  const bytes = quantisedPanelBytes(PANEL_FORMATS[format], n, k);
  const w = memory.place(new Uint8Array(bytes).fill(0x21));
  const args = [records, w, 0, memory.reserve(rows * n * 4), n * 4, 0, rows, 0, n, k, 0];
  const scratch = memory.reserve(GEMM_SCRATCH_BYTES);
  return {
    name: `${format} ${rows === 1 ? "GEMV" : `GEMM ${rows}×${n}×${k}`}, ${model}`,
    unit: rows === 1 ? "GB/s" : "GOP/s",
    work: rows === 1 ? bytes : 2 * rows * n * k,
    run: () => memory.run(`gemm${format.replace("_", "")}`, ...args, scratch),
  };
}

const quantisedGemm: CaseGroup = (memory) =>
  FORMATS.flatMap((format) => LANGUAGE_LINEARS.slice(0, 1).map((l) => quantisedCase(memory, format, PREFILL_ROWS, l)));

const quantisedGemv: CaseGroup = (memory) =>
  FORMATS.flatMap((format) =>
    LANGUAGE_LINEARS.filter(({ n }) => n * 4096 < 6e7).map((linear) => quantisedCase(memory, format, 1, linear)),
  );

const tower: CaseGroup = (memory) =>
  VISION_LINEARS.map(({ model, n: full, k }) => {
    const [m, n] = [PREFILL_ROWS, Math.min(full, GEMM_COLUMNS)];
    const records = memory.reserve(activationBytes("u7x128", m, k));
    memory.run("quantiseU7x128", memory.place(values(m * k)), k * 4, records, 0, m, k);
    const w = memory.place(new Uint8Array(towerPanelBytes(n, k)).fill(0x21));
    const args = [records, w, 0, memory.reserve(m * n * 4), n * 4, 0, m, 0, n, k, 0];
    const scratch = memory.reserve(GEMM_SCRATCH_BYTES);
    const run = (): void => memory.run("gemmI8x128", ...args, scratch);
    return { name: `i8×128 GEMM ${m}×${n}×${k}, ${model}`, unit: "GOP/s", work: 2 * m * n * k, run };
  });

const floatGemm: CaseGroup = (memory) =>
  VISION_LINEARS.flatMap(({ model, n: full, k }) => {
    const [m, n] = [PREFILL_ROWS, Math.min(full, GEMM_COLUMNS)];
    const x = memory.place(values(m * k));
    const [w, half] = [memory.place(values(n * k)), memory.place(new Uint8Array(n * k * 2).fill(0x33))];
    const y = memory.reserve(m * n * 4);
    const scratch = memory.reserve(FLOAT_SCRATCH_BYTES);
    const range = [0, y, n * 4, 0, m, 0, n, k, 0];
    const shared = { unit: "GFLOP/s", work: 2 * m * n * k } as const;
    return [
      { ...shared, name: `f32 GEMM ${m}×${n}×${k}, ${model}`, run: () => memory.run("gemmF32", x, k * 4, w, ...range) },
      {
        ...shared,
        name: `f16 GEMM ${m}×${n}×${k}, ${model}`,
        run: () => memory.run("gemmFloatF16", x, k * 4, half, ...range, scratch),
      },
    ];
  });

const attention: CaseGroup = (memory) => {
  const [rows, heads, width] = [1024, 16, 72];
  const qkv = memory.place(values(rows * heads * width));
  const spans = memory.place(new Int32Array(rows * 2).map((_, i) => (i & 1) * rows));
  const strides = [width * 4, heads * width * 4];
  const y = memory.reserve(rows * heads * width * 4);
  const operands = [qkv, ...strides, y, ...strides, qkv, ...strides, qkv, ...strides];
  const range = [0, rows, 0, heads, 1, width, spans, bits(width ** -0.5)];
  const [scratch, scratch8] = [attentionScratchBytes(width), attentionInt8ScratchBytes(width)].map(memory.reserve);
  const work = 4 * rows * rows * heads * width;
  const shape = `${rows}×${heads}×${width}`;
  return [
    {
      name: `f32 attention ${shape}`,
      unit: "GFLOP/s",
      work,
      run: () => memory.run("attentionF32", ...operands, ...range, scratch),
    },
    {
      name: `int8 attention ${shape}`,
      unit: "GOP/s",
      work,
      run: () => memory.run("attentionInt8", ...operands, ...range, scratch8, rows, 0),
    },
  ];
};

const elementwise: CaseGroup = (memory) => {
  const count = 256 * 4304;
  const x = memory.place(values(count));
  const y = memory.reserve(count * 4);
  const quantise = (["i8x256", "u7x128"] as const).map((kind): KernelCase => {
    const records = memory.reserve(activationBytes(kind, 256, 4304));
    const run = (): void => memory.run(quantiser(kind), x, 4304 * 4, records, 0, 256, 4304);
    return { name: `quantise ${kind}`, unit: "Melement/s", work: count, run };
  });
  const unary = ["geluTanh", "geluErf", "silu"].map(
    (name): KernelCase => ({ name, unit: "Melement/s", work: count, run: () => memory.run(name, x, y, 0, count) }),
  );
  return [...unary, ...quantise];
};

/** All groups by the name that the command line selects. */
export const CASE_GROUPS: Readonly<Record<string, CaseGroup>> = {
  float: floatGemm,
  tower,
  gemm: quantisedGemm,
  gemv: quantisedGemv,
  attention,
  elementwise,
};
