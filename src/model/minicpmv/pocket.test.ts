import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openFileSource } from "../../io/node/file-source.ts";
import { openCheckpoint } from "../../weights/open-checkpoint.ts";
import { ConfigJson } from "../config-json.ts";
import { describeModel } from "./registry.ts";

const folder = new URL("../../../test/golden/ladder/v2.6/", import.meta.url);

async function describe(change: Readonly<Record<string, unknown>>) {
  const config = JSON.parse(await readFile(new URL("config.json", folder), "utf8")) as Record<string, unknown>;
  const weights = await openFileSource(fileURLToPath(new URL("model.safetensors", folder)));
  const language = await openCheckpoint(weights);
  try {
    return await describeModel({ config: new ConfigJson({ ...config, ...change }), language });
  } finally {
    await language.close();
  }
}

// would catch: answers of the built-in model shown under the name of a release, or pictures cut for larger views
test("files that name themselves minicpmv/pocket are described as the built-in model", async () => {
  const model = await describe({ _name_or_path: "minicpmv/pocket", slice_config: { scale_resolution: 224 } });
  expect(model.title).toBe("pocket, the built-in reader of printed text");
  expect(model.slicing).toEqual({ kind: "adaptive", granule: 14, maxSlices: 16, resolution: 224 });
  expect(model.generation.temperature).toBe(0);
});

test("a release keeps its own name and 448-pixel views", async () => {
  const model = await describe({});
  expect(model.title).toBe("MiniCPM-V 2.6");
  expect(model.slicing).toMatchObject({ resolution: 448 });
});
