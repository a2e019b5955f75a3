import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openFileSource } from "../../io/node/file-source.ts";
import { syncFolder } from "../../io/node/fs-helpers.ts";
import type { WeightNaming } from "../../model/weight-binding.ts";
import { openCheckpoint } from "../../weights/open-checkpoint.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { CheckpointMismatchError } from "../errors.ts";
import type { ShapeOf } from "../run-folder.ts";
import { publishedTensors } from "./published.ts";
import { type WriteTensorsOptions, writeNamedTensors } from "./write-tensors.ts";

/** What a folder that Hugging Face libraries open consists of. */
export interface ModelFolder {
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly shapeOf: ShapeOf;
  readonly naming?: WeightNaming;
  /** File name to text: config.json, tokenizer.json, preprocessor_config.json. */
  readonly texts: Readonly<Record<string, string>>;
}

/**
 * Writes model.safetensors under the published names beside the given texts. The folder appears whole or not at all; one
 * that was there is replaced at the end. Throws OutputWriteError and leaves what was there.
 */
export async function writeModelFolder(
  folder: string,
  { weights, shapeOf, naming, texts }: ModelFolder,
  options: WriteTensorsOptions = {},
): Promise<void> {
  await replaceFolder(folder, async (pending) => {
    const tensors = publishedTensors(weights, shapeOf, naming);
    await writeNamedTensors(join(pending, "model.safetensors"), tensors, options);
    for (const [name, text] of Object.entries(texts)) await writeFile(join(pending, name), text);
  });
}

/** Fills a new folder and puts it in the place of `folder`; on failure nothing has changed. */
export async function replaceFolder(folder: string, fill: (pending: string) => Promise<void>): Promise<void> {
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  const pending = join(parent, `.${basename(folder)}.new`);
  const old = join(parent, `.${basename(folder)}.old`);
  try {
    await rm(pending, { recursive: true, force: true });
    await mkdir(pending);
    await fill(pending);
    await syncFolder(pending);
  } catch (error) {
    await rm(pending, { recursive: true, force: true });
    throw error;
  }
  await rm(old, { recursive: true, force: true });
  await rename(folder, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await rename(pending, folder);
  await rm(old, { recursive: true, force: true });
  await syncFolder(parent);
}

/**
 * Weights by the graph's names out of a published file, for training to start from. Throws CheckpointMismatchError naming
 * the first tensor that is missing or of another shape.
 */
export async function readPublished(
  path: string,
  names: readonly string[],
  { shapeOf, naming }: { readonly shapeOf: ShapeOf; readonly naming: WeightNaming },
): Promise<Record<string, Float32Array>> {
  const checkpoint = await openCheckpoint(await openFileSource(path));
  try {
    const weights: Record<string, Float32Array> = {};
    for (const name of names) {
      const shape = shapeOf(name);
      const place = naming(name, shape);
      if (place === undefined || !checkpoint.has(place.name))
        throw new CheckpointMismatchError(path, `it has no tensor ${place?.name ?? name}`);
      const tensor = checkpoint.tensor(place.name);
      const count = shape.reduce((n, d) => n * d, 1);
      const parts = place.part?.count ?? 1;
      const held = tensor.shape.reduce((n, d) => n * d, 1);
      const wanted = place.shape ?? [shape[0] * parts, ...shape.slice(1)];
      if (held !== count * parts || tensor.shape.join() !== wanted.join())
        throw new CheckpointMismatchError(
          path,
          `tensor ${place.name} is [${tensor.shape}] and the model has [${wanted}]`,
        );
      const bytes = tensor.byteLength / parts;
      const read = await tensor.readBytes((place.part?.index ?? 0) * bytes, bytes);
      const values = Float32Array.from(dequantise(tensor.type, read, count));
      weights[name] = place.map === undefined ? values : values.map(place.map);
    }
    return weights;
  } finally {
    await checkpoint.close();
  }
}
