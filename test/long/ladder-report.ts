/**
 * Prints how far every version lies from the official implementation, stage by stage and on both paths of the WebAssembly
 * backend: the tables of docs/fidelity.md.
 *
 *     node test/long/ladder-report.ts [version folders]
 */
import { ConfigJson } from "../../src/model/config-json.ts";
import type { Precision } from "../../src/tensor/backend.ts";
import { answer, openPair, type TorchAnswer } from "../golden/ladder/ask.ts";
import { goldenFile, nmse, readGolden, readJson } from "../golden/ladder/harness.ts";
import { BACKENDS, openModel } from "../golden/ladder/open-model.ts";
import { measureCase, STAGES, type StageErrors } from "./ladder-stages.ts";

const FOLDERS = ["v1.0", "v2.0", "v2.5", "v2.6", "o2.6", "v4.0", "v4.5", "o4.5", "v4.6"];
const PAIRS = ["v2.5", "v2.6", "v4.5", "v4.6"];
const PRECISIONS: readonly Precision[] = ["float", "integer"];
const given = process.argv.slice(2);
const isWanted = (folder: string): boolean => given.length === 0 || given.includes(folder);

console.log(`| version | cases | path | ${STAGES.join(" | ")} | same first choice |`);
console.log(`| --- | --- | --- |${" --- |".repeat(STAGES.length + 1)}`);
for (const folder of FOLDERS.filter(isWanted)) {
  for (const precision of PRECISIONS) await reportVersion(folder, precision);
}
console.log("\n| GGUF pair | path | logits | equal greedy tokens |\n| --- | --- | --- | --- |");
for (const folder of PAIRS.filter(isWanted)) {
  for (const precision of PRECISIONS) await reportPair(folder, precision);
}

/** The worst case of each stage over all cases of a version, from its safetensors. */
async function reportVersion(folder: string, precision: Precision): Promise<void> {
  await using golden = await readGolden(folder);
  const found: StageErrors[] = [];
  for (const [name, { configChange, downsampleMode, call }] of Object.entries(golden.cases)) {
    using model = await openModel(
      { config: new ConfigJson({ ...golden.config, ...configChange }), language: golden.checkpoint },
      {
        backend: await BACKENDS["wasm, inline"](),
        precision,
        batch: call?.temporal_ids === undefined ? { views: 1, patches: 1152 } : { views: 3, patches: 3200 },
        ...(downsampleMode === undefined ? {} : { options: { downsample: downsampleMode } }),
      },
    );
    found.push(await measureCase(golden, name, model));
  }
  const worst = STAGES.map((stage) => Math.max(...found.map(({ errors }) => errors[stage])));
  const agreeing = found.reduce((sum, one) => sum + one.agreeing, 0);
  const predictions = found.reduce((sum, one) => sum + one.predictions, 0);
  const figures = worst.map((error) => error.toExponential(1)).join(" | ");
  console.log(`| ${folder} | ${found.length} | ${precision} | ${figures} | ${agreeing} of ${predictions} |`);
}

async function reportPair(folder: string, precision: Precision): Promise<void> {
  const torch = await readJson<TorchAnswer>(folder, "gguf/torch.json");
  const pair = await openPair(folder);
  const asked = { ids: torch.inputIds, options: {}, precision };
  const found = await answer(pair, goldenFile(folder, "gguf/square.png"), asked);
  await Promise.all([pair.language.close(), pair.vision.close()]);
  const parted = found.greedyTokens.findIndex((id, i) => id !== torch.greedyTokens[i]);
  const equal = parted < 0 ? "all 64" : `the first ${parted}`;
  console.log(`| ${folder} | ${precision} | ${nmse(found.lastLogits, torch.lastLogits).toExponential(1)} | ${equal} |`);
}
