import { expect, test } from "vitest";
import { createOnnxBackend } from "../backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../backend/wasm/wasm-backend.ts";
import { seededRandom } from "../base/random.ts";
import { dim } from "../tensor/dim.ts";
import { grad } from "../tensor/grad.ts";
import { slotsOf } from "../tensor/graph.ts";
import { interpret } from "../tensor/oracle.ts";
import { record } from "../tensor/recorder.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { initialiseLora, isLoraTrainable, type LoraOptions, withLora } from "./lora.ts";
import { dropoutInputs } from "./lora-dropout.ts";
import { packInputs } from "./pack-inputs.ts";
import { TINY, TINY_SHAPE, tinySample, tinyWeights } from "./testing/tiny-model.ts";
import { Trainer } from "./trainer.ts";
import { trainingGraph } from "./training-graph.ts";

const OPTIONS: LoraOptions = { rank: 2, alpha: 6, targets: /m\d/, modulesToSave: [], dropout: 0.4 };
const TRAINING = { isTraining: true };
const DRAW = { rate: 0.4, seed: 5, step: 3, pack: 1 };
const [ROWS, WIDTH, OUT] = [6, 4, 3];

/** loss = Σ over both maps, rows and outputs of y · c. */
const GRAPH = record((ops) => {
  const [T, D, F] = [dim("T", ROWS), dim("D", WIDTH), dim("F", OUT)];
  const x = ops.input<["T", "D"]>("x", "f32", T, D);
  for (const name of ["m0", "m1"]) {
    const y = ops.linear(x, { weight: ops.weight<["F", "D"]>(`${name}.weight`, F, D) });
    ops.output(name, y);
  }
});

const random = seededRandom(9);
const values = (count: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, () => random.normal());
const X = values(ROWS * WIDTH);
const WEIGHTS: Readonly<Record<string, Float32Array>> = Object.fromEntries(
  ["m0", "m1"].flatMap((name) => [
    [`${name}.weight`, values(OUT * WIDTH)],
    [`${name}.lora_A.weight`, values(2 * WIDTH)],
    [`${name}.lora_B.weight`, values(OUT * 2)],
  ]),
);

/** y[t, o] = Σ x W + (α / r) Σ_z Σ_d (x ⊙ mask)[t, d] A[z, d] B[o, z], one number at a time. */
function plain(name: string, mask: (t: number, d: number) => number): number[] {
  const [w, a, b] = [".weight", ".lora_A.weight", ".lora_B.weight"].map((end) => WEIGHTS[name + end]);
  return Array.from({ length: ROWS * OUT }, (_, i) => {
    const [t, o] = [Math.floor(i / OUT), i % OUT];
    let y = 0;
    for (let d = 0; d < WIDTH; d++) {
      y += X[t * WIDTH + d] * w[o * WIDTH + d];
      for (let z = 0; z < 2; z++) y += 3 * X[t * WIDTH + d] * mask(t, d) * a[z * WIDTH + d] * b[o * 2 + z];
    }
    return y;
  });
}

// would catch: dropout on the whole map instead of the adapter's way, no rescaling, one mask for all adapters
test("an adapter with dropout computes what a plain loop with the same mask does", () => {
  const graph = withLora(GRAPH, OPTIONS, TRAINING);
  const masks = dropoutInputs(graph, DRAW);
  const { outputs } = interpret(graph, { extents: slotsOf(graph), weights: WEIGHTS, inputs: { x: X, ...masks } });
  const used = ["m0", "m1"].map((name) => {
    const [table, rows] = [masks[`dropout.table.${ROWS}xD${WIDTH}`], masks[`dropout.rows.${name}`]];
    const mask = (t: number, d: number): number => table[rows[t] * WIDTH + d];
    const wanted = plain(name, mask);
    for (const [i, value] of outputs[name].data.entries()) expect(value).toBeCloseTo(wanted[i], 10);
    return Array.from({ length: ROWS * WIDTH }, (_, i) => mask(Math.floor(i / WIDTH), i % WIDTH));
  });
  expect(used[0]).not.toEqual(used[1]);
  for (const value of used.flat()) expect([0, Math.fround(1 / 0.6)]).toContain(value);
});

test("an evaluation's graph asks for no mask and computes the mean", () => {
  const graph = withLora(GRAPH, OPTIONS);
  expect(Object.keys(graph.inputs)).toEqual(["x"]);
  expect(dropoutInputs(graph, DRAW)).toEqual({});
  const { outputs } = interpret(graph, { extents: slotsOf(graph), weights: WEIGHTS, inputs: { x: X } });
  const wanted = plain("m0", () => 1);
  for (const [i, value] of outputs.m0.data.entries()) expect(value).toBeCloseTo(wanted[i], 10);
});

// would catch: a resumed run with other masks, one mask for all steps or packs, a rate that is not the one asked for
test("masks are a function of seed, step and pack, and drop the share asked for", () => {
  const shape = { ...TINY_SHAPE, tokens: 256 };
  const targets = /llm\..*layers\.\d+\.self_attn\.(q_proj|k_proj|v_proj|o_proj)/;
  const graph = withLora(
    trainingGraph(TINY, { shape, parts: "text" }),
    { ...OPTIONS, targets, dropout: 0.05 },
    TRAINING,
  );
  const draw = { ...DRAW, rate: 0.05 };
  const masks = dropoutInputs(graph, draw);
  expect(dropoutInputs(graph, draw)).toEqual(masks);
  const table = `dropout.table.256xD${TINY.decoder.width}`;
  for (const change of [{ seed: 6 }, { step: 4 }, { pack: 2 }])
    expect(dropoutInputs(graph, { ...draw, ...change })[table]).not.toEqual(masks[table]);
  const dropped = Array.from(masks[table]).filter((value) => value === 0).length / masks[table].length;
  // 8192 draws: four standard deviations are 1 %
  expect(Math.abs(dropped - 0.05)).toBeLessThan(0.01);
  const rows = Object.entries(masks).filter(([name]) => name.startsWith("dropout.rows."));
  expect(rows).toHaveLength(4 * TINY.decoder.layerCount);
  for (const [, ids] of rows) expect(new Set(ids).size).toBe(256);
});

// would catch: a backend that has no form for the masks, or gradients that pass dropped elements
test("gradients through dropout are those of central differences, and every executor agrees", async () => {
  const targets = /llm\..*layers\.\d+\.self_attn\.(q_proj|v_proj)/;
  const options = { ...OPTIONS, targets };
  const graph = withLora(trainingGraph(TINY, { shape: TINY_SHAPE, parts: "text" }), options, TRAINING);
  const sample = tinySample(4, { rows: 2, columns: 2, words: 5, answer: 4 });
  const inputs = {
    ...packInputs([sample], { model: TINY, shape: TINY_SHAPE, textScale: 0.25 }),
    ...dropoutInputs(graph, DRAW),
  };
  const weights = { ...tinyWeights(graph), ...initialiseLora(graph, 1) };
  const name = Object.keys(graph.weights).find((key) => key.endsWith("q_proj.lora_A.weight")) ?? "";
  for (const key of Object.keys(weights).filter((key) => key.endsWith("lora_B.weight"))) {
    weights[key] = weights[key].map((_, i) => Math.sin(i));
  }
  const extents = slotsOf(graph);
  const loss = (delta: number, at: number): number => {
    const moved = Float64Array.from(weights[name]);
    moved[at] += delta;
    return interpret(graph, { extents, weights: { ...weights, [name]: moved }, inputs }).outputs.loss.data[0];
  };
  const backward = grad(graph, "loss", [name]);
  const bound = { extents, weights, inputs: { ...inputs, lossScale: Float32Array.of(1) } };
  const exact = interpret(backward, bound).outputs[`grad:${name}`].data;
  for (const at of [0, 7, 31]) expect(exact[at]).toBeCloseTo((loss(1e-4, at) - loss(-1e-4, at)) / 2e-4, 6);
  const losses: number[] = [];
  for (const make of [
    () => createWasmBackend({ decode: dequantise }),
    () => createOnnxBackend({ decode: dequantise }),
  ]) {
    using backend = await make();
    const own = Object.fromEntries(Object.entries(weights).map(([key, list]) => [key, list.slice()]));
    using trainer = await Trainer.create({
      backend,
      graph,
      weights: own,
      trainable: (key) => isLoraTrainable(key, options),
    });
    losses.push((await trainer.step([inputs], { step: 1, rate: 0.01 })).loss);
  }
  for (const each of losses) expect(each).toBeCloseTo(loss(0, 0), 5);
});
