import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createOnnxBackend } from "../../backend/onnx/onnx-backend.ts";
import { createWasmBackend } from "../../backend/wasm/wasm-backend.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { readAdapter } from "../checkpoint/peft.ts";
import { TrainingMemoryError } from "../errors.ts";
import { type TrainedModel, trainingGraph } from "../training-graph.ts";
import { openBaseModel } from "./base-model.ts";
import { fineTune, type PictureText } from "./fine-tune.ts";
import { readRows } from "./training-log.ts";

const LADDER = join(import.meta.dirname, "../../../test/golden/ladder");

// stands for the chat layer's placeholder, which this layer may not import
const pictureText: PictureText = (_, { viewTokenCounts }) =>
  viewTokenCounts.map((count) => `<image>${"<unk>".repeat(count)}</image>`).join("");

const GRAPH = (model: TrainedModel) =>
  trainingGraph(model, { shape: { views: 1, patches: 4, tokens: 80 }, parts: "text" });

const STAGE = {
  name: "mine",
  trainable: [],
  lora: { rank: 4, alpha: 8, modulesToSave: [] },
  resolution: { kind: "adaptive", side: 56, maxSlices: 1 },
  data: [{ name: "mine", file: "mine.jsonl" }],
  samples: 24,
  pack: { views: 2, patches: 64, tokens: 320 },
  typical: { tokens: 100, views: 1 },
  packsPerStep: 1,
  optimiser: { rate: 0.01, weightDecay: 0 },
  schedule: { kind: "constant", warmupShare: 0.05 },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fine-tune-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function recipe(changes: object): Promise<string> {
  const messages = [
    { role: "user", content: "<image>Total?" },
    { role: "assistant", content: "12.50" },
  ];
  const line = JSON.stringify({ messages, images: [join(LADDER, "v2.6/small.png")] });
  await writeFile(join(folder, "mine.jsonl"), `${line}\n${line}\n`);
  const path = join(folder, "recipe.json");
  await writeFile(path, JSON.stringify({ name: "mine", init: join(LADDER, "v2.6"), stages: [STAGE], ...changes }));
  return path;
}

// would catch: any step between a user's file and a model that other tools open coming apart
test("a published model is fine-tuned on a user's file, and is written as model and adapter", async () => {
  using backend = await createWasmBackend({ decode: dequantise });
  const recipePath = await recipe({});
  const run = join(folder, "run");
  const outcome = await fineTune({ recipePath, folder: run, backend, pictureText, lockPath: join(folder, "lock") });
  expect(outcome.isComplete).toBe(true);
  expect(outcome.written).toEqual([join(run, "model"), join(run, "adapter")]);
  const rows = await readRows(join(run, "log.jsonl"));
  expect(rows[rows.length - 1].loss).toBeLessThan(rows[0].loss / 2);
  expect((await readAdapter(join(run, "adapter"))).options.rank).toBe(4);
  const written = await openBaseModel(join(run, "model"));
  expect(written.description.version).toBe("2.6");
  await written.close();
  expect(await readFile(join(run, "report.html"), "utf8")).toContain("12.50");
}, 60_000);

// would catch: a machine that pages or a process that is killed after an hour, where the plan had said so before anything was read
test("a stage that needs more memory than there is is refused before anything runs, with what to lower", async () => {
  using backend = await createWasmBackend({ decode: dequantise });
  const before = backend.residentBytes;
  const run = join(folder, "run");
  const begun: string[] = [];
  const train = async (changes: object, memoryBytes: number) => {
    const onBegin = (text: string): number => begun.push(text);
    const recipePath = await recipe({ stages: [{ ...STAGE, samples: 2, ...changes }] });
    return fineTune({
      recipePath,
      folder: run,
      backend,
      pictureText,
      memoryBytes,
      onBegin,
      lockPath: join(folder, "lock"),
    });
  };
  const everything = { lora: undefined, trainable: ["vision", "resampler", "language"] };
  const narrow = { pack: { views: 1, patches: 4, tokens: 80 } };
  const cases = [
    [{}, /^Stage "mine" is planned to need 0\.\d+ GiB, and 0\.001 GiB are there\./, /lower pack\.tokens/],
    [{ ...everything, ...narrow }, /"mine"/, /fewer parts in trainable/],
    [narrow, /"mine"/, /smaller model/],
  ] as const;
  for (const [changes, message, hint] of cases) {
    const refusal = expect(train(changes, 2 ** 20)).rejects;
    await refusal.toBeInstanceOf(TrainingMemoryError);
    const error = await train(changes, 2 ** 20).catch((thrown: unknown) => thrown as TrainingMemoryError);
    expect(error).toMatchObject({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
  }
  expect([begun, backend.residentBytes, await readdir(folder)]).toEqual([[], before, ["mine.jsonl", "recipe.json"]]);
  expect((await train({}, 2 ** 30)).isComplete).toBe(true);
  // nothing is left to do, so nothing is needed
  expect((await train({}, 2 ** 20)).isComplete).toBe(true);
}, 60_000);

// would catch: a stage of pre-training that learns nothing from its files, or a run from nothing that leaves no whole model
test("a folder without weights is trained from nothing: characters, then text, then questions", async () => {
  using backend = await createOnnxBackend({ decode: dequantise, threadCount: 1 });
  const start = join(folder, "start");
  await mkdir(start);
  for (const name of ["config.json", "tokenizer.json"]) await copyFile(join(LADDER, "v2.6", name), join(start, name));
  const characters = ["a", "b", "a", "c"].map((letter, i) => [letter, 14 * i, 0, 14 * i + 14, 14]);
  await writeFile(join(folder, "page.jsonl"), JSON.stringify({ image: join(LADDER, "v2.6/small.png"), characters }));
  await writeFile(join(folder, "text.txt"), "Total 12.50\n\nDate 3 May\n");
  const common = { ...STAGE, lora: undefined, samples: 16, optimiser: { rate: 0.004 } };
  const recipePath = await recipe({
    init: "start",
    stages: [
      {
        ...common,
        name: "0a",
        task: { kind: "dense", characters: "abc" },
        trainable: ["vision"],
        data: [{ name: "page", file: "page.jsonl" }],
        pack: { views: 2, patches: 64 },
        typical: { views: 1 },
      },
      {
        ...common,
        name: "0b",
        task: { kind: "text" },
        samples: 120,
        trainable: ["language"],
        data: [{ name: "text", file: "text.txt" }],
      },
      { ...common, name: "sft", trainable: ["vision", "resampler", "language"] },
    ],
  });
  const run = join(folder, "run");
  const lockPath = join(folder, "lock");
  const outcome = await fineTune({ recipePath, folder: run, backend, pictureText, lockPath });
  expect(outcome.isComplete).toBe(true);
  const rows = await readRows(join(run, "log.jsonl"));
  for (const name of ["0a", "0b", "sft"]) {
    const losses = rows.filter(({ stage }) => stage === name).map(({ loss }) => loss);
    expect(losses[losses.length - 1], name).toBeLessThan(losses[0] * 0.8);
  }
  const written = await openBaseModel(join(run, "model"));
  expect(await written.weights(GRAPH(written.model))).toBeDefined();
  await written.close();
}, 60_000);

// would catch: a pair's swapped feed-forward names or transposed projection taken as they lie, which trains a broken model
test("a GGUF pair gives the weights of the safetensors that it was made from", async () => {
  for (const name of ["config.json", "tokenizer.json", "gguf/model-f16.gguf", "gguf/mmproj-model-f16.gguf"])
    await copyFile(join(LADDER, "v2.6", name), join(folder, name.replace("gguf/", "")));
  const [pair, published] = [await openBaseModel(folder), await openBaseModel(join(LADDER, "v2.6"))];
  const graph = GRAPH(published.model);
  const [ours, theirs] = [await pair.weights(graph), await published.weights(graph)];
  await Promise.all([pair.close(), published.close()]);
  expect(Object.keys(ours ?? {})).toEqual(Object.keys(theirs ?? {}));
  for (const [name, values] of Object.entries(theirs ?? {})) expect(ours?.[name], name).toEqual(values);
});

test("a recipe without a model to start from is told so", async () => {
  using backend = await createWasmBackend({ decode: dequantise });
  const recipePath = await recipe({ init: undefined });
  await expect(fineTune({ recipePath, folder, backend, pictureText })).rejects.toThrow(/init is missing/);
});

test("a version that cannot be trained here is refused by name", async () => {
  await expect(openBaseModel(join(LADDER, "v4.6"))).rejects.toThrow(/4\.6 cannot be trained here.*2\.5, 2\.6, 4\.0/);
});
