import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { memorySource } from "../../../src/io/memory-source.ts";
import { openFileSource } from "../../../src/io/node/file-source.ts";
import type { Checkpoint } from "../../../src/weights/checkpoint.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";

/** What the official implementation did with one prompt. */
export interface GoldenCase {
  readonly files: readonly string[];
  readonly expandedPrompt: string;
  readonly promptTokens: number;
  readonly patchGrids: readonly (readonly [number, number])[];
  readonly imageBounds: readonly (readonly [number, number])[];
  readonly images: readonly {
    readonly views: readonly { readonly width: number; readonly height: number; readonly sha256: string }[];
  }[];
  readonly greedyTokens: readonly number[];
}

/** Which rows of a stage were kept. */
export interface GoldenStage {
  readonly shape: readonly number[];
  readonly rows: "all" | readonly number[];
  readonly sumSquares?: number;
}

export interface Golden {
  readonly cases: Readonly<Record<string, GoldenCase>>;
  readonly stages: Readonly<Record<string, GoldenStage>>;
  readonly taps: Checkpoint;
  readonly checkpoint: Checkpoint;
  readonly config: unknown;
}

/** Folder of one version's golden files. */
export function goldenFile(version: string, file: string): string {
  return fileURLToPath(new URL(`./${version}/${file}`, import.meta.url));
}

export async function readGolden(version: string): Promise<Golden> {
  const json = async (file: string): Promise<unknown> => JSON.parse(await readFile(goldenFile(version, file), "utf8"));
  const manifest = (await json("manifest.json")) as Pick<Golden, "cases" | "stages">;
  return {
    cases: manifest.cases,
    stages: manifest.stages,
    config: await json("config.json"),
    taps: await openTaps(version),
    checkpoint: await openCheckpoint(await openFileSource(goldenFile(version, "model.safetensors"))),
  };
}

async function openTaps(version: string): Promise<Checkpoint> {
  const bytes = await readFile(goldenFile(version, "taps.safetensors"));
  return openCheckpoint(memorySource(bytes, "taps"));
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

/** The kept rows of a stage out of the whole of it. */
export function pickRows(all: ArrayLike<number>, stage: GoldenStage): Float64Array {
  if (stage.rows === "all") return Float64Array.from(all);
  const width = stage.shape[stage.shape.length - 1] ?? 1;
  return Float64Array.from({ length: stage.rows.length * width }, (_, i) => {
    const row = stage.rows === "all" ? 0 : stage.rows[Math.floor(i / width)];
    return all[row * width + (i % width)];
  });
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
