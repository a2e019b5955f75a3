import { expect, test } from "vitest";
import { createOnnxBackend } from "../../src/backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import type { Backend, ResidentWeight } from "../../src/tensor/backend.ts";
import { grad } from "../../src/tensor/grad.ts";
import { slotsOf } from "../../src/tensor/graph.ts";
import { interpret } from "../../src/tensor/oracle.ts";
import { weightUses } from "../../src/tensor/weight-uses.ts";
import { packInputs, supervisedCount } from "../../src/train/pack-inputs.ts";
import { TINY, TINY_SHAPE, tinySample, tinyWeights } from "../../src/train/testing/tiny-model.ts";
import { valuesSource } from "../../src/train/trainer.ts";
import { trainingGraph } from "../../src/train/training-graph.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";

/** Relative L2 error of every tensor. */
const LIMIT = 1e-5;
/** Softmax does not see what all keys share: this gradient is zero, and what is left of it is rounding. */
const ZERO = /(self_attn|attn)\.k_proj\.bias$/;
const ZERO_LIMIT = 1e-7;

const BACKENDS: Readonly<Record<string, () => Promise<Backend>>> = {
  onnx: () => createOnnxBackend({ decode: dequantise }),
  wasm: () => createWasmBackend({ decode: dequantise }),
};

const length = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));

// would catch: an error that builds up over layers, or a value that two ops of a whole model share and one of them spoils
test.each(Object.entries(BACKENDS))(
  "loss and gradients of a whole model on %s equal the oracle's",
  async (_, create) => {
    const forward = trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text" });
    const names = Object.keys(forward.weights).filter((name) => !name.startsWith("computed."));
    const graph = grad(forward, "loss", names);
    const values = tinyWeights(forward);
    const samples = [
      tinySample(1, { rows: 2, columns: 3, words: 4, answer: 5 }),
      tinySample(2, { rows: 0, columns: 0, words: 3, answer: 2 }),
      tinySample(3, { rows: 3, columns: 4, words: 6, answer: 4 }),
    ];
    const textScale = 1 / samples.reduce((sum, sample) => sum + supervisedCount(sample), 0);
    const packed = packInputs(samples, { model: TINY, shape: TINY_SHAPE, textScale });
    const inputs = { ...packed, lossScale: Float32Array.of(1) };
    const extents = slotsOf(graph);
    const expected = interpret(graph, { extents, weights: values, inputs }).outputs;
    using backend = await create();
    const uses = weightUses([graph]);
    const weights: Record<string, ResidentWeight> = {};
    for (const [name, id] of Object.entries(graph.weights)) {
      const shape = graph.values[id].dims.map(({ capacity }) => capacity);
      const options = { precision: "float", uses: uses[name] } as const;
      weights[name] = await backend.upload(valuesSource(name, shape, values[name]), options);
    }
    using executable = backend.lower(graph, { weights });
    const actual = await executable.run({ extents, inputs });
    expect(expected.loss.data[0]).toBeGreaterThan(1);
    for (const [name, { data }] of Object.entries(expected)) {
      const error = length(data.map((value, i) => value - actual[name][i]));
      const isZero = ZERO.test(name);
      expect(error, name).toBeLessThan(isZero ? ZERO_LIMIT : LIMIT * length(data));
      if (!isZero) expect(length(data), `${name} is nothing`).toBeGreaterThan(1e-9);
    }
  },
);
