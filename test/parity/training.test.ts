import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOnnxBackend } from "../../src/backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Backend, ResidentWeight, WeightSource } from "../../src/tensor/backend.ts";
import { dim } from "../../src/tensor/dim.ts";
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

// would catch: a caller that learns of a missing op when a training graph fails to lower, or a reason that says nothing
test("onnx lists the ops it lacks, with the reason", async () => {
  using backend = await createOnnxBackend({ decode: dequantise });
  expect(Object.keys(backend.info.unsupported).toSorted()).toEqual([
    "appendRows",
    "attentionCached",
    "causalConv",
    "deltaNet",
    "l2Norm",
  ]);
  for (const [op, reason] of Object.entries(backend.info.unsupported)) expect(reason.length, op).toBeGreaterThan(20);
});

// would catch: queries of one block meeting keys of another, or heads of a group mixed up, when blocks are promised
test("onnx attention told of its blocks equals attention that is not", async () => {
  const [D, T, H, G, C] = [dim("D", 32), dim("T", 8), dim("H", 4), dim("G", 2), dim("C", 8)];
  const graph = grad(
    record((ops) => {
      const x = ops.weight("x", T, D);
      const kv = ops.splitHeads(ops.weight("kv", T, dim("K", 16)), G, C);
      const spans = ops.input("spans", "i32", T, dim("Y", 2));
      const y = ops.mergeHeads(ops.attention(ops.splitHeads(x, H, C), kv, kv, { spans, scale: 0.4 }), D);
      ops.output("loss", ops.sumAll(ops.multiply(y, ops.input("mix", "f32", T, D))));
    }),
    "loss",
    ["x", "kv"],
  );
  const random = seededRandom(3);
  const fill = (count: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: count }, () => random.normal());
  const values = { x: fill(256), kv: fill(128) };
  const spans = Int32Array.of(0, 3, 0, 4, 1, 4, 0, 4, 4, 8, 4, 6, 5, 8, 7, 8);
  const inputs = { spans, mix: fill(256), lossScale: Float32Array.of(1) };
  const expected = interpret(graph, { weights: values, inputs }).outputs;
  using backend = await createOnnxBackend({ decode: dequantise });
  const options = { precision: "float", uses: ["plain"] } as const;
  const weights = {
    x: await backend.upload(source("x", [8, 32], values.x), options),
    kv: await backend.upload(source("kv", [8, 16], values.kv), options),
  };
  using executable = backend.lower(graph, { weights, blocks: { spans: 2 } });
  const actual = await executable.run({ inputs });
  for (const [output, { data }] of Object.entries(expected)) {
    expect(relativeError(actual[output], data), output).toBeLessThan(LIMIT);
  }
});
