import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { openFileSource } from "../io/node/file-source.ts";
import { writeWhole } from "../quantize/byte-sink.ts";
import { fileSink } from "../quantize/node/file-sink.ts";
import { openCheckpoint } from "../weights/open-checkpoint.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import type { Moments } from "./adamw.ts";
import { type WriteTensorsOptions, writeNamedTensors } from "./checkpoint/write-tensors.ts";

/** Everything that a run needs to go on. */
export interface RunState {
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly moments: Readonly<Record<string, Moments>>;
  /** Moving average of the weights, where the run keeps one. */
  readonly average?: Readonly<Record<string, Float32Array>>;
  /** Counters and cursors, as JSON. */
  readonly progress: Readonly<Record<string, number | string>>;
}

/** Shape of each tensor, since a run keeps flat arrays. */
export type ShapeOf = (name: string) => readonly number[];

const PROGRESS = "progress.json";

/**
 * Saves a run: each save in a folder of its own, named in progress.json by an atomic rename as the last act, so that a
 * run killed at any moment resumes from a whole state.
 */
export async function saveRun(
  folder: string,
  state: RunState,
  shapeOf: ShapeOf,
  write: WriteTensorsOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const previous = await readProgress(folder);
  const name = previous?.folder === "a" ? "b" : "a";
  const target = join(folder, name);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await writeTensors(join(target, "model.safetensors"), state.weights, shapeOf, write);
  const optimiser: Record<string, Float32Array> = {};
  for (const [weight, { first, second }] of Object.entries(state.moments)) {
    optimiser[`exp_avg.${weight}`] = first;
    optimiser[`exp_avg_sq.${weight}`] = second;
  }
  const shapeOfMoment: ShapeOf = (key) => shapeOf(key.slice(key.indexOf(".") + 1));
  await writeTensors(join(target, "optimizer.safetensors"), optimiser, shapeOfMoment, write);
  if (state.average !== undefined)
    await writeTensors(join(target, "average.safetensors"), state.average, shapeOf, write);
  const sink = await fileSink(join(folder, PROGRESS), write.open);
  const hasAverage = state.average !== undefined;
  await writeWhole(sink, async () =>
    sink.write(new TextEncoder().encode(JSON.stringify({ folder: name, progress: state.progress, hasAverage }))),
  );
}

/** How far the saved run of this folder is, or undefined; weights are not read. */
export async function savedProgress(folder: string): Promise<RunState["progress"] | undefined> {
  return (await readProgress(folder))?.progress;
}

/** The last saved state, or undefined where there is none. */
export async function loadRun(folder: string): Promise<RunState | undefined> {
  const saved = await readProgress(folder);
  if (saved === undefined) return undefined;
  const weights = await readTensors(join(folder, saved.folder, "model.safetensors"));
  const optimiser = await readTensors(join(folder, saved.folder, "optimizer.safetensors"));
  const moments: Record<string, Moments> = {};
  for (const [key, first] of Object.entries(optimiser)) {
    if (!key.startsWith("exp_avg.")) continue;
    const name = key.slice("exp_avg.".length);
    moments[name] = { first, second: optimiser[`exp_avg_sq.${name}`] };
  }
  const average =
    saved.hasAverage === true ? await readTensors(join(folder, saved.folder, "average.safetensors")) : undefined;
  return { weights, moments, progress: saved.progress, ...(average === undefined ? {} : { average }) };
}

/** Writes named float32 tensors. Throws OutputWriteError. */
export async function writeTensors(
  path: string,
  tensors: Readonly<Record<string, Float32Array>>,
  shapeOf: ShapeOf,
  write: WriteTensorsOptions = {},
): Promise<void> {
  const named = Object.entries(tensors).map(([name, values]) => ({ name, shape: shapeOf(name), values }));
  await writeNamedTensors(path, named, write);
}

/** Reads every tensor of a safetensors file as float32. */
export async function readTensors(path: string): Promise<Record<string, Float32Array<ArrayBuffer>>> {
  const checkpoint = await openCheckpoint(await openFileSource(path));
  try {
    const tensors: Record<string, Float32Array<ArrayBuffer>> = {};
    for (const name of checkpoint.names) {
      const tensor = checkpoint.tensor(name);
      const count = tensor.shape.reduce((n, d) => n * d, 1);
      tensors[name] = Float32Array.from(dequantise(tensor.type, await tensor.read(), count));
    }
    return tensors;
  } finally {
    await checkpoint.close();
  }
}

interface SavedProgress {
  readonly folder: string;
  readonly progress: RunState["progress"];
  readonly hasAverage?: boolean;
}

async function readProgress(folder: string): Promise<SavedProgress | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, PROGRESS), "utf8")) as SavedProgress;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
