import { expect, test } from "vitest";
import { createOnnxBackend } from "../../../src/backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../../../src/backend/wasm/wasm-backend.ts";
import { DisposedError } from "../../../src/base/errors.ts";
import type { Backend, Executable, ResidentState, ResidentWeight } from "../../../src/tensor/backend.ts";
import { dim } from "../../../src/tensor/dim.ts";
import { oracleBackend } from "../../../src/tensor/oracle-backend.ts";
import { record } from "../../../src/tensor/recorder.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";
import { RECORDED, recordedMessages, tinyModel } from "../chat/tiny-model.ts";

const [ROWS, WIDTH] = [2, 32];

const linear = record((ops) => {
  const x = ops.input<["T", "D"]>("x", "f32", dim("T", ROWS), dim("D", WIDTH));
  ops.output("y", ops.linear(x, { weight: ops.weight<["F", "D"]>("w", dim("F", WIDTH), dim("D", WIDTH)) }));
});

const constant = record((ops) => {
  ops.output("y", ops.scale(ops.input<["T", "D"]>("x", "f32", dim("T", ROWS), dim("D", WIDTH)), 2));
});

const remembering = record((ops) => {
  const state = ops.state<["L", "G", "C"]>("s", "f32", dim("L", 4), dim("G", 1), dim("C", 4));
  const rows = ops.input<["T", "G", "C"]>("x", "f32", dim("T", 1), dim("G", 1), dim("C", 4));
  const heads = ops.splitHeads(ops.input<["T", "A"]>("a", "f32", dim("T", 1), dim("A", 4)), dim("G", 1), dim("C", 4));
  ops.update("s", ops.append(state, heads, ops.input<["T"]>("at", "i32", dim("T", 1))));
  ops.output("y", ops.scale(rows, 1));
});

const inputs = { x: new Float32Array(ROWS * WIDTH).fill(1) };

function upload(backend: Backend): Promise<ResidentWeight> {
  const readRows = async (begin: number, end: number) =>
    new Uint8Array(new Float32Array((end - begin) * WIDTH).fill(1).buffer);
  const source = { name: "w", type: "F32", shape: [WIDTH, WIDTH], readRows } as const;
  return backend.upload(source, { precision: "float", uses: ["linear"] });
}

const BACKENDS: Readonly<Record<string, () => Promise<Backend>>> = {
  wasm: () => createWasmBackend({ decode: dequantise }),
  onnx: () => createOnnxBackend({ decode: dequantise }),
  oracle: async () => oracleBackend(dequantise),
};

// bugs: memory freed twice, and so given to two owners; memory read after it was given to another owner
test.each(Object.entries(BACKENDS))("%s: a weight is given back once and not used after", async (_name, create) => {
  using backend = await create();
  const weight = await upload(backend);
  using bound: Executable = backend.lower(linear, { weights: { w: weight } });
  expect((await bound.run({ inputs })).y[0]).toBe(WIDTH);
  weight[Symbol.dispose]();
  expect(() => weight[Symbol.dispose]()).toThrow(DisposedError);
  expect(() => weight.replace(new Float32Array(WIDTH * WIDTH))).toThrow(DisposedError);
  expect(() => backend.lower(linear, { weights: { w: weight } })).toThrow(DisposedError);
  await expect(bound.run({ inputs }), "an executable over memory that is no longer its weight's").rejects.toThrow(
    DisposedError,
  );
});

test.each(Object.entries(BACKENDS))(
  "%s: an executable is given back once and not used after",
  async (_name, create) => {
    using backend = await create();
    using weight = await upload(backend);
    const executable = backend.lower(linear, { weights: { w: weight }, label: "the layer" });
    executable[Symbol.dispose]();
    expect(() => executable[Symbol.dispose]()).toThrow(/the layer was disposed again/);
    await expect(executable.run({ inputs })).rejects.toThrow(/the layer was used after disposal/);
  },
);

test.each(["wasm", "oracle"] as const)("%s: a state is given back once and not used after", async (name) => {
  using backend = await BACKENDS[name]();
  const state: ResidentState = backend.createState(remembering, "s");
  using bound = backend.lower(remembering, { weights: {}, states: { s: state } });
  state[Symbol.dispose]();
  expect(() => state[Symbol.dispose]()).toThrow(DisposedError);
  for (const use of [() => state.clear(), () => state.save(), () => state.copy(0, 1, 1)]) {
    expect(use).toThrow(DisposedError);
  }
  const step = { x: new Float32Array(4), a: new Float32Array(4), at: Int32Array.of(0) };
  await expect(bound.run({ inputs: step })).rejects.toThrow(DisposedError);
});

test.each(Object.entries(BACKENDS))("%s: a backend is given back once and not used after", async (_name, create) => {
  const backend = await create();
  backend[Symbol.dispose]();
  expect(() => backend[Symbol.dispose]()).toThrow(DisposedError);
  await expect(upload(backend)).rejects.toThrow(DisposedError);
  expect(() => backend.lower(constant, { weights: {} })).toThrow(DisposedError);
});

// bug: a model used after its scope reads weights that are gone, or hangs waiting for its threads
test("a model is given back once and not used after", async () => {
  const messages = await recordedMessages("v2.6", "small");
  const model = await tinyModel();
  await model.complete(messages, { ...RECORDED, maxNewTokens: 2 });
  await model[Symbol.asyncDispose]();
  await expect(model[Symbol.asyncDispose]()).rejects.toThrow(DisposedError);
  await expect(model.complete(messages, RECORDED)).rejects.toThrow(DisposedError);
});
