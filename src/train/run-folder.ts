import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openFileSource } from "../io/node/file-source.ts";
import { fileSink } from "../quantize/node/file-sink.ts";
import { writeSafetensors } from "../quantize/safetensors-writer.ts";
import { openCheckpoint } from "../weights/open-checkpoint.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import type { Moments } from "./adamw.ts";

/** Everything that a run needs to go on. */
export interface RunState {
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly moments: Readonly<Record<string, Moments>>;
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
export async function saveRun(folder: string, state: RunState, shapeOf: ShapeOf): Promise<void> {
  await mkdir(folder, { recursive: true });
  const previous = await readProgress(folder);
  const name = previous?.folder === "a" ? "b" : "a";
  const target = join(folder, name);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await writeTensors(join(target, "model.safetensors"), state.weights, shapeOf);
  const optimiser: Record<string, Float32Array> = {};
  for (const [weight, { first, second }] of Object.entries(state.moments)) {
    optimiser[`exp_avg.${weight}`] = first;
    optimiser[`exp_avg_sq.${weight}`] = second;
  }
  await writeTensors(join(target, "optimizer.safetensors"), optimiser, (key) =>
    shapeOf(key.slice(key.indexOf(".") + 1)),
  );
  const pending = join(folder, `${PROGRESS}.new`);
  await writeFile(pending, JSON.stringify({ folder: name, progress: state.progress }));
  await rename(pending, join(folder, PROGRESS));
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
  return { weights, moments, progress: saved.progress };
}

/** Writes named float32 tensors. */
export async function writeTensors(
  path: string,
  tensors: Readonly<Record<string, Float32Array>>,
  shapeOf: ShapeOf,
): Promise<void> {
  const sink = await fileSink(path);
  await writeSafetensors(
    sink,
    Object.entries(tensors).map(([name, values]) => ({
      name,
      type: "F32" as const,
      shape: shapeOf(name),
      chunks: async function* () {
        yield new Uint8Array(Float32Array.from(values).buffer);
      },
    })),
  );
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
}

async function readProgress(folder: string): Promise<SavedProgress | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, PROGRESS), "utf8")) as SavedProgress;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
