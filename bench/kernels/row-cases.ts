// What works on rows: attention, functions of single elements, the delta rule.
import type { BenchCase, CaseError } from "../../scripts/bench-lib.ts";
import { attentionScratchBytes } from "../../src/backend/wasm/kernels/attention-f32.ts";
import { attentionInt8ScratchBytes } from "../../src/backend/wasm/kernels/attention-int8.ts";
import { deltaChunkScratchBytes } from "../../src/backend/wasm/kernels/delta-chunk.ts";
import { ACTIVATION_RECORDS, activationBytes } from "../../src/backend/wasm/kernels/quantise-activations.ts";
import { deltaNet } from "../../src/tensor/definitions/recurrent.ts";
import { UNARY } from "../../src/tensor/functions.ts";
import { bits, compared, normals, onThreads, perPart, quantiser, type SplitCase, share } from "./case-parts.ts";
import { encoderLinear } from "./gemm-cases.ts";
import type { KernelTeam } from "./kernel-team.ts";
import { DELTA, ENCODER } from "./shapes.ts";

const SEED = 9;
const CHECKED_ROWS = 8;

/** softmax(q kᵀ / √C) v of the first rows of the first head, all three operands [rows, heads, width]. */
function attentionRows(qkv: Float32Array, count: number): Float64Array {
  const { rows, heads, headWidth } = ENCODER;
  const at = (row: number, i: number): number => qkv[row * heads * headWidth + i];
  const y = new Float64Array(count * headWidth);
  for (let row = 0; row < count; row++) {
    const scores = Array.from({ length: rows }, (_, key) => {
      let dot = 0;
      for (let i = 0; i < headWidth; i++) dot += at(row, i) * at(key, i);
      return dot * headWidth ** -0.5;
    });
    const top = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - top));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [key, weight] of weights.entries()) {
      for (let i = 0; i < headWidth; i++) y[row * headWidth + i] += (weight / total) * at(key, i);
    }
  }
  return y;
}

export function attention(team: KernelTeam): readonly BenchCase[] {
  const { rows, heads, headWidth } = ENCODER;
  const values = normals(rows * heads * headWidth, SEED);
  const qkv = team.place(values);
  const spans = team.place(new Int32Array(rows * 2).map((_, i) => (i & 1) * rows));
  const strides = [headWidth * 4, heads * headWidth * 4];
  const y = team.reserve(values.byteLength);
  const operands = [qkv, ...strides, y, ...strides, qkv, ...strides, qkv, ...strides];
  const scratch = {
    attentionF32: perPart(team, attentionScratchBytes(headWidth)),
    attentionInt8: perPart(team, attentionInt8ScratchBytes(headWidth)),
  };
  const check = (): CaseError => {
    const seen = Float32Array.from({ length: CHECKED_ROWS * headWidth }, (_, i) => {
      const [row, column] = [Math.floor(i / headWidth), i % headWidth];
      return team.floats(y + (row * heads * headWidth + column) * 4, 1)[0];
    });
    return compared(seen, attentionRows(values, CHECKED_ROWS));
  };
  const caseOf = (kernel: keyof typeof scratch, kind: string, unit: SplitCase["unit"]): SplitCase => ({
    name: `${kind} attention ${rows}×${heads}×${headWidth}`,
    unit,
    work: 4 * rows * rows * heads * headWidth,
    split: (part, parts) => {
      const range = [0, rows, ...share(heads, 1, part, parts), 1, headWidth, spans, bits(headWidth ** -0.5)];
      const extra = kernel === "attentionInt8" ? [rows, 0] : [];
      return { kernel, args: [...operands, ...range, scratch[kernel][part], ...extra] };
    },
    check,
  });
  const cases = [caseOf("attentionF32", "f32", "GFLOP/s"), caseOf("attentionInt8", "int8", "GOP/s")];
  return onThreads(team, [...cases, encoderLinear(team)]);
}

/** The first rows of quantised records, as what they stand for. */
function recordedRows(team: KernelTeam, kind: "i8x256" | "u7x128", records: number, k: number): Float64Array {
  const shape = ACTIVATION_RECORDS[kind];
  const blocks = Math.ceil(k / shape.block);
  const bytes = team.bytes(records, blocks * shape.bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: 4 * k }, (_, index) => {
    const [row, i] = [Math.floor(index / k), index % k];
    const [record, inBlock] = [Math.floor(i / shape.block) * shape.bytes, i % shape.block];
    const scale = view.getFloat32(record + shape.scales + row * 4, true);
    const zero = kind === "u7x128" ? view.getInt32(record + shape.scales + 16 + row * 4, true) : 0;
    return scale * (view.getInt8(record + (inBlock >> 2) * 16 + row * 4 + (inBlock & 3)) - zero);
  });
}

const FUNCTIONS = { geluTanh: UNARY.gelu, geluErf: UNARY.geluErf, silu: UNARY.silu } as const;

export function elementwise(team: KernelTeam): readonly BenchCase[] {
  const [rows, k] = [256, ENCODER.feedForward];
  const values = normals(rows * k, SEED).map((value) => value * 2);
  const x = team.place(values);
  const [y, records] = [team.reserve(rows * k * 4), team.reserve(activationBytes("i8x256", rows, k))];
  const scratch = perPart(team, k * 4);
  const shared = { unit: "Gelement/s", work: rows * k } as const;
  const head = Float64Array.from(values.subarray(0, 4 * k));
  const quantise = (kind: "i8x256" | "u7x128"): SplitCase => ({
    ...shared,
    name: quantiser(kind),
    split: (part, parts) => ({ kernel: quantiser(kind), args: [x, k * 4, records, ...share(rows, 4, part, parts), k] }),
    check: () => compared(recordedRows(team, kind, records, k), head),
  });
  const unary = Object.entries(FUNCTIONS).map(
    ([kernel, { value }]): SplitCase => ({
      ...shared,
      name: kernel,
      split: (part, parts) => ({ kernel, args: [x, y, ...share(rows * k, 4, part, parts)] }),
      check: () =>
        compared(
          team.floats(y, rows * k),
          Float64Array.from(values, (v) => value(v)),
        ),
    }),
  );
  const fused: SplitCase = {
    ...shared,
    name: "geluTanhQuantiseU7x128",
    split: (part, parts) => ({
      kernel: "geluTanhQuantiseU7x128",
      args: [x, k * 4, records, ...share(rows, 4, part, parts), k, scratch[part]],
    }),
    check: () => compared(recordedRows(team, "u7x128", records, k), head.map(FUNCTIONS.geluTanh.value)),
  };
  return onThreads(team, [...unary, quantise("i8x256"), quantise("u7x128"), fused]);
}

export function recurrent(team: KernelTeam): readonly BenchCase[] {
  const { heads, width } = DELTA;
  const rows = 256;
  const [headBytes, rowBytes] = [width * 4, heads * width * 4];
  const values = normals(rows * heads * width, SEED).map((value) => value / 16);
  const decay = normals(rows * heads, SEED + 1).map((value) => -Math.abs(value) / 8);
  const beta = normals(rows * heads, SEED + 2).map((value) => 1 / (1 + Math.exp(-value)));
  const [small, y, gates] = [team.place(values), team.reserve(rows * rowBytes), [team.place(decay), team.place(beta)]];
  const stateBytes = heads * width * width * 4;
  const state = team.reserve(stateBytes);
  const sequence = team.place(new Int32Array(rows));
  const scratch = perPart(team, deltaChunkScratchBytes(width, width));
  const strides = [headBytes, rowBytes];
  const operands = [small, small, ...strides, small, ...strides, y, ...strides, ...gates, state, sequence, rows];
  // q, k and v of the first head are one tensor
  const column = (from: Float32Array, step: number, w: number): Float64Array =>
    Float64Array.from({ length: rows * w }, (_, i) => from[Math.floor(i / w) * step + (i % w)]);
  const tensor = (data: Float64Array, extents: readonly number[]) => ({ data, extents });
  const expected = (): ArrayLike<number> => {
    const qkv = tensor(column(values, heads * width, width), [1, rows, width]);
    const [g, b] = [decay, beta].map((from) => tensor(column(from, heads, 1), [rows, 1]));
    const empty = tensor(new Float64Array(width * width), [1, 1, width, width]);
    const inputs = [qkv, qkv, qkv, g, b, empty, tensor(new Float64Array(rows), [rows])];
    return deltaNet.reference({ inputs, attributes: {}, outputs: [] } as never)[0];
  };
  // three products with the state for each row and head
  const work = 6 * rows * heads * width * width;
  return onThreads(
    team,
    (["deltaNet", "deltaNetChunk"] as const).map((kernel): SplitCase => {
      const split = (part: number, parts: number) => {
        const args = [...operands, ...share(heads, 1, part, parts), heads, width, width];
        return { kernel, args: kernel === "deltaNet" ? args : [...args, scratch[part]] };
      };
      const check = (): CaseError => {
        // the run before left its state behind
        team.bytes(state, stateBytes).fill(0);
        team.run([split(0, 1)]);
        return compared(column(team.floats(y, rows * heads * width), heads * width, width), expected());
      };
      return { name: `${kernel} ${rows}×${heads}×${width}×${width}`, unit: "GFLOP/s", work, split, check };
    }),
  );
}
