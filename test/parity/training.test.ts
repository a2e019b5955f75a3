import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOnnxBackend } from "../../src/backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Backend, ResidentWeight, WeightSource } from "../../src/tensor/backend.ts";
import { grad } from "../../src/tensor/grad.ts";
import type { Graph } from "../../src/tensor/graph.ts";
import { interpret } from "../../src/tensor/oracle.ts";
import { record } from "../../src/tensor/recorder.ts";
import { GRAD_CASES } from "../../src/tensor/testing/grad-cases.ts";
import { weightUses } from "../../src/tensor/weight-uses.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";

// the executors agree on loss and gradients to this relative L2 error per tensor
const LIMIT = 1e-5;

const BACKENDS: Readonly<Record<string, () => Promise<Backend>>> = {
  onnx: () => createOnnxBackend({ decode: dequantise }),
  wasm: () => createWasmBackend({ decode: dequantise }),
};

function shapeOf(graph: Graph, id: number): readonly number[] {
  return graph.values[id].dims.map((d) => d.capacity);
}

function source(name: string, shape: readonly number[], values: Float32Array<ArrayBuffer>): WeightSource {
  const rowLength = shape[shape.length - 1] ?? 1;
  return {
    name,
    type: "F32",
    shape,
    readRows: async (begin, end) => new Uint8Array(values.slice(begin * rowLength, end * rowLength).buffer),
  };
}

function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = 0;
  let power = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    power += expected[i] ** 2;
  }
  return Math.sqrt(error / Math.max(power, 1e-30));
}

describe.each(Object.keys(BACKENDS))("gradients on %s equal the oracle's", (name) => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await BACKENDS[name]();
  });
  afterAll(() => backend[Symbol.dispose]());

  test.each(Object.entries(GRAD_CASES))("%s", async (_, { model, integers }) => {
    const forward = record(model);
    const graph = grad(forward, "loss", Object.keys(forward.weights));
    const random = seededRandom(7);
    const fill = (id: number): Float32Array<ArrayBuffer> =>
      Float32Array.from({ length: shapeOf(graph, id).reduce((n, d) => n * d, 1) }, () => random.normal());
    const values = Object.fromEntries(Object.entries(graph.weights).map(([n, id]) => [n, fill(id)]));
    const inputs: Record<string, Float32Array | Int32Array> = {};
    for (const [n, id] of Object.entries(graph.inputs)) {
      const given = integers?.[n];
      inputs[n] = given === undefined ? fill(id) : Int32Array.from(given);
    }
    inputs.lossScale = Float32Array.of(1);
    const expected = interpret(graph, { weights: values, inputs }).outputs;

    const uses = weightUses([graph]);
    const weights: Record<string, ResidentWeight> = {};
    for (const [n, id] of Object.entries(graph.weights)) {
      // uploaded as zeros and replaced, as a training step does
      const zeros = new Float32Array(values[n].length);
      weights[n] = await backend.upload(source(n, shapeOf(graph, id), zeros), { precision: "float", uses: uses[n] });
      weights[n].replace(values[n]);
    }
    using executable = backend.lower(graph, { weights });
    const actual = await executable.run({ inputs });
    for (const [output, { data }] of Object.entries(expected)) {
      expect(relativeError(actual[output], data), output).toBeLessThan(LIMIT);
    }
  });
});
