import { afterAll, beforeAll, expect, test } from "vitest";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { float16ToNumber, numberToFloat16 } from "../../src/base/float16.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import type { StorageType } from "../../src/tensor/dtype.ts";
import { interpret } from "../../src/tensor/oracle.ts";
import { OUTLIER_CASES } from "../../src/tensor/testing/op-cases/linear-cases.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { nmse, prepareCase, runCase, worstError } from "./run-case.ts";

/** What llama.cpp allows a matrix product of any format (its test-backend-ops). */
const LLAMA_LIMIT = 5e-4;

/**
 * How llama.cpp rounds activations before it multiplies them with a format: Q8_0, 32 values and an f16 scale, or Q8_K, 256 and an f32
 * scale (ggml's quantize_row_q8_0_ref and quantize_row_q8_K_ref). It multiplies F16 in floats and has no such path: the coarser of the two.
 */
const LLAMA_ACTIVATIONS: Readonly<Partial<Record<StorageType, { readonly block: number; readonly isHalf: boolean }>>> =
  {
    Q8_0: { block: 32, isHalf: true },
    Q4_0: { block: 32, isHalf: true },
    Q4_K: { block: 256, isHalf: false },
    Q6_K: { block: 256, isHalf: false },
    F16: { block: 256, isHalf: false },
  };

/** Each block of `x` (the last may be short) rounded to 8 bit and back. */
function rounded(
  x: Float32Array,
  width: number,
  { block, isHalf }: { readonly block: number; readonly isHalf: boolean },
) {
  const out = new Float32Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    for (let begin = row; begin < row + width; begin += block) {
      const values = x.subarray(begin, Math.min(begin + block, row + width));
      const scale = Math.fround(values.reduce((top, value) => Math.max(top, Math.abs(value)), 0) / 127);
      const stored = isHalf ? float16ToNumber(numberToFloat16(scale)) : scale;
      for (const [i, value] of values.entries()) out[begin + i] = scale === 0 ? 0 : Math.round(value / scale) * stored;
    }
  }
  return out;
}

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ decode: dequantise });
});
afterAll(() => backend[Symbol.dispose]());

// bugs: a scale over more values than llama.cpp's, one level lost to a zero point: outliers would cost more here than there
test.each(OUTLIER_CASES)("$name costs no more than llama.cpp's activations on the same data", async (c) => {
  const prepared = prepareCase(c);
  const { type, bytes, shape } = prepared.weights.w;
  const [out, into] = shape;
  const format = LLAMA_ACTIVATIONS[type];
  if (format === undefined) throw new Error(`No activations of llama.cpp are known for ${type}.`);
  const [{ step, inputs }] = prepared.steps;
  const bias = new Float32Array(prepared.weights.b.bytes.buffer);
  const weights = { w: dequantise(type, bytes, out * into), b: bias };
  const x = rounded(inputs.x as Float32Array, into, format);
  const theirs = interpret(prepared.graph, { extents: step.extents, inputs: { x }, weights }).outputs.y.data;
  const own = worstError(await runCase(backend, prepared, "integer"), prepared);
  const limit = Math.max(LLAMA_LIMIT, nmse(theirs, prepared.expected[0].y) * 1.001);
  expect(own).toBeGreaterThan(0);
  expect(own).toBeLessThanOrEqual(limit);
});
