import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode-image.ts";
import { type Patches, patchify } from "../../../src/image/patchify.ts";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { cutViews } from "./climb.ts";
import { type Golden, goldenFile, nmse, pickRows, readGolden, readTap } from "./harness.ts";
import { BACKENDS, type OpenModel, openModel } from "./open-model.ts";

async function open(golden: Golden, batch: { readonly views: number; readonly patches: number }): Promise<OpenModel> {
  const files = { config: new ConfigJson(golden.config), language: golden.checkpoint };
  return openModel(files, { backend: await BACKENDS["wasm, inline"](), batch });
}

async function viewsOf(golden: Golden, model: OpenModel, files: readonly string[], most?: number): Promise<Patches[]> {
  const views: Patches[] = [];
  for (const file of files) {
    const { image } = await decodeImage(await readFile(goldenFile(golden.folder, file)));
    views.push(...cutViews(image, model.description.slicing, most).map((view) => patchify(view)));
  }
  return views;
}

async function goldenError(golden: Golden, key: string, rows: ArrayLike<number>): Promise<number> {
  return nmse(pickRows(rows, golden.stages[key]), await readTap(golden.taps, key));
}

for (const folder of ["v2.0", "v2.5", "v2.6", "v4.6"]) {
  test(`${folder}: views in one step give what the official views give, and progress tells of every view`, async () => {
    // catches views that see each other, padding to the step's longest view instead of the request's, and a view nobody hears of
    await using golden = await readGolden(folder);
    using model = await open(golden, { views: 2, patches: 2560 });
    const views = await viewsOf(golden, model, ["landscape.png"]);
    const progress: (readonly [number, number])[] = [];
    const encoded = await model.vision.encode(views, { onProgress: (done, total) => progress.push([done, total]) });
    const stage = folder === "v4.6" ? "merger" : "resampler";
    for (const [i, { rows }] of encoded.entries()) {
      expect(await goldenError(golden, `landscape.view${i}.${stage}`, rows), `view ${i}`).toBeLessThan(1e-9);
    }
    expect(progress).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
  });
}

test("v4.5: frames of a group share their tokens; groups stay whole across steps", async () => {
  // catches groups cut by a full step, and times given to the wrong frame
  await using golden = await readGolden("v4.5");
  using model = await open(golden, { views: 4, patches: 4200 });
  const { files } = golden.cases.video;
  const frames = await viewsOf(golden, model, files, 1);
  const groups = [
    [0, 3, 7],
    [0, 3, 7],
  ];
  const encoded = await model.vision.encode([...frames, ...frames], { groups });
  expect(encoded.length).toBe(2);
  for (const { rows, tokenCount } of encoded) {
    expect(tokenCount).toBe(64);
    expect(await goldenError(golden, "video.group0.resampler", rows)).toBeLessThan(1e-9);
  }
});

test("groups that do not fit are refused", async () => {
  // a silent cut would answer about the wrong frames
  await using golden = await readGolden("v4.5");
  using model = await open(golden, { views: 1, patches: 1152 });
  const [frame] = await viewsOf(golden, model, ["small.png"], 1);
  await expect(model.vision.encode([frame, frame], { groups: [[0, 1]] })).rejects.toThrow(/29×36, 29×36 patches/);
  await expect(model.vision.encode([frame], { groups: [[0, 1]] })).rejects.toThrow(
    /Groups of 2 frames were given for 1/,
  );
  await using plain = await readGolden("v2.6");
  using older = await open(plain, { views: 2, patches: 2560 });
  await expect(older.vision.encode([frame, frame], { groups: [[0, 1]] })).rejects.toThrow(/Only MiniCPM-V 4\.5/);
});
