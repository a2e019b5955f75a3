import { newSha256 } from "../io/hub/sha256.ts";
import type { ModelParts, Platform } from "./platform.ts";

/** How the vision tower computes: 8-bit weights of an F16 tower are repacked at load and are used only where they were checked. */
export type TowerPath = "float" | "int8";

const HEAD_BYTES = 2 ** 18;

/** What `minicpmv doctor` found about a tower on this device; float where it has not looked. */
export async function notedTowerPath(platform: Platform, parts: ModelParts): Promise<TowerPath> {
  return (await platform.recall(await noteName(platform, parts))) === "int8" ? "int8" : "float";
}

export async function noteTowerPath(platform: Platform, parts: ModelParts, path: TowerPath): Promise<void> {
  await platform.remember(await noteName(platform, parts), path);
}

/** Named by the file's size and beginning: its tensors' names, types and first values. */
async function noteName(platform: Platform, { language, vision }: ModelParts): Promise<string> {
  const source = await platform.open(vision ?? language);
  try {
    const digest = newSha256();
    digest.update(new TextEncoder().encode(`${source.sizeBytes} `));
    digest.update(await source.read(0, Math.min(HEAD_BYTES, source.sizeBytes)));
    return `tower-${digest.hex().slice(0, 32)}`;
  } finally {
    await source.close();
  }
}
