import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { towerRepack } from "../../../src/cli/tower-repack.ts";
import { memorySource } from "../../../src/io/memory-source.ts";
import { readGgufHeader } from "../../../src/weights/gguf/read-header.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";
import { answer, openPair, type TorchAnswer } from "./ask.ts";
import { goldenFile, nmse, readJson } from "./harness.ts";

/** What eight bits cost the tiny towers, whose random weights have nothing to spare; a layer that is off gives near 1. */
const LIMIT = 3e-3;

for (const folder of ["v2.5", "v2.6", "v4.5", "v4.6"]) {
  test(`${folder}: a tower repacked to 8 bit, its feed-forward widened by zeros, computes what the published one does`, async () => {
    // catches neurons added that say something, a map widened without its partner, and files whose header disagrees with their tensors
    const torch = await readJson<TorchAnswer>(folder, "gguf/torch.json");
    const published = new Uint8Array(await readFile(goldenFile(folder, "gguf/mmproj-model-f16.gguf")));
    const header = await readGgufHeader(memorySource(published));
    const running = towerRepack({ header, sums: { error: 0, power: 0 } }).create();
    const repacked = new Uint8Array(Buffer.concat([running.push(published), running.finish()]));
    expect(repacked.length).toBeLessThan(published.length);
    const { language, vision } = await openPair(folder);
    const asked = { ids: torch.inputIds, options: {} };
    const found = await answer({ language, vision: await openCheckpoint(memorySource(repacked)) }, picture(), asked);
    await Promise.all([language.close(), vision.close()]);
    const error = nmse(found.lastLogits, torch.lastLogits);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(LIMIT);

    function picture(): string {
      return goldenFile(folder, "gguf/square.png");
    }
  });
}
