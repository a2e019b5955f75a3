import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { memorySource } from "../../../src/io/memory-source.ts";
import { openFileSource } from "../../../src/io/node/file-source.ts";
import type { Checkpoint } from "../../../src/weights/checkpoint.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";

interface GoldenView {
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}

/** What the official implementation did with one prompt. */
export interface GoldenCase {
  readonly files: readonly string[];
  readonly promptTokens: number;
  readonly patchGrids: readonly (readonly [number, number])[];
  readonly images: readonly { readonly views?: readonly GoldenView[] }[];
  /** Where the views of all pictures are listed together (4.6). */
  readonly views?: readonly GoldenView[];
  /** Entries of config.json that differ in this case. */
  readonly configChange?: Readonly<Record<string, unknown>>;
  readonly downsampleMode?: "16x" | "4x";
  readonly call?: { readonly temporal_ids?: readonly (readonly number[])[]; readonly max_slice_nums?: number };
  readonly greedyTokens: readonly number[];
  readonly smallestMargin: number;
}

/** Which rows of a stage were kept. */
export interface GoldenStage {
  readonly shape: readonly number[];
  readonly rows: "all" | readonly number[];
}

/** One version's recordings and its tiny checkpoint; `close` gives the file back. */
export interface Golden extends AsyncDisposable {
  readonly folder: string;
  readonly cases: Readonly<Record<string, GoldenCase>>;
  readonly stages: Readonly<Record<string, GoldenStage>>;
  readonly taps: Checkpoint;
  readonly checkpoint: Checkpoint;
  readonly config: Readonly<Record<string, unknown>>;
}

type Manifest = Pick<Golden, "cases" | "stages"> & { readonly weightsFile?: string };

/** A file of one version's golden folder. */
export function goldenFile(folder: string, file: string): string {
  return fileURLToPath(new URL(`./${folder}/${file}`, import.meta.url));
}

export async function readJson<T>(folder: string, file: string): Promise<T> {
  return JSON.parse(await readFile(goldenFile(folder, file), "utf8")) as T;
}

export async function readGolden(folder: string): Promise<Golden> {
  const manifest = await readJson<Manifest>(folder, "manifest.json");
  const config = await readJson<Golden["config"]>(folder, "config.json");
  const checkpoint = await openGoldenFile(folder, manifest.weightsFile ?? "model.safetensors");
  const taps = await openCheckpoint(memorySource(await readFile(goldenFile(folder, "taps.safetensors")), "taps"));
  return {
    folder,
    cases: manifest.cases,
    stages: manifest.stages,
    config,
    taps,
    checkpoint,
    [Symbol.asyncDispose]: () => checkpoint.close(),
  };
}

/** A weight file of a golden folder; the caller closes it. */
export async function openGoldenFile(folder: string, file: string): Promise<Checkpoint> {
  return openCheckpoint(await openFileSource(goldenFile(folder, file)));
}

/** Values of one golden tensor as doubles. */
export async function readTap(taps: Checkpoint, name: string): Promise<Float64Array> {
  const tensor = taps.tensor(name);
  const { buffer } = await tensor.read();
  switch (tensor.type) {
    case "F64":
      return new Float64Array(buffer);
    case "I32":
      return Float64Array.from(new Int32Array(buffer));
    default:
      return Float64Array.from(new Float32Array(buffer));
  }
}

/** Normalised mean squared error ‖a − b‖² / ‖b‖². */
export function nmse(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = 0;
  let power = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    power += expected[i] ** 2;
  }
  return actual.length === expected.length ? error / power : Number.POSITIVE_INFINITY;
}

/** The kept rows of a stage out of the whole of it, which starts at row `firstRow`. */
export function pickRows(all: ArrayLike<number>, stage: GoldenStage, firstRow = 0): Float64Array {
  const width = stage.shape[stage.shape.length - 1] ?? 1;
  const rowCount = stage.shape.slice(0, -1).reduce((product, n) => product * n, 1);
  const rows = stage.rows === "all" ? Array.from({ length: rowCount }, (_, i) => i) : stage.rows;
  const picked = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries()) {
    for (let x = 0; x < width; x++) picked[i * width + x] = all[(firstRow + row) * width + x];
  }
  return picked;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
