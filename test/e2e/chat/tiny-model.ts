import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type LoadOptions, load } from "../../../src/chat/load.ts";
import type { Message } from "../../../src/chat/message.ts";
import type { Model } from "../../../src/chat/model.ts";

/** Folder of a version's tiny seeded checkpoint. */
export function tinyFolder(version = "v2.6"): string {
  return fileURLToPath(new URL(`../../golden/ladder/${version}`, import.meta.url));
}

/** Float arithmetic and a float32 cache, as the recordings were made with more precision than either. */
export const EXACT: LoadOptions = { kernels: "generic", cacheType: "f32", threads: 1 };

/** Greedy, past every ending: how the recordings were made. */
export const RECORDED = {
  temperature: 0,
  repetitionPenalty: 1,
  maxNewTokens: 64,
  ignoresStopTokens: true,
} as const;

export async function tinyModel(version = "v2.6", options: LoadOptions = {}): Promise<Model> {
  return load(tinyFolder(version), { ...EXACT, ...options });
}

export interface RecordedCase {
  readonly question: string;
  readonly files: readonly string[];
  readonly greedyTokens: readonly number[];
  readonly promptTokens: number;
}

export async function recordedCase(version: string, name: string): Promise<RecordedCase> {
  const manifest: { cases: Record<string, RecordedCase> } = JSON.parse(
    await readFile(`${tinyFolder(version)}/manifest.json`, "utf8"),
  );
  return manifest.cases[name];
}

/** The question of a recording, as a caller asks it. */
export async function recordedMessages(version: string, name: string): Promise<readonly Message[]> {
  const { files, question } = await recordedCase(version, name);
  const images = await Promise.all(files.map((file) => readFile(`${tinyFolder(version)}/${file}`)));
  return [{ role: "user", content: [...images, question] }];
}
