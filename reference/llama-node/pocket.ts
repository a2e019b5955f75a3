/**
 * Runs llama.cpp on a GGUF pair of the embedded model's shape (random weights, exported by this project) and writes
 * `test/golden/pocket-pair/llama-node.json`: `npm install && node pocket.ts [folder of the package]`.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodePng } from "../../src/image/png/encode-png.ts";
import { PAIR_SEED, PROMPT, pairBytes, testPicture } from "../../test/golden/pocket-pair/pocket-pair.ts";
import { greedyIds, idsByName, openContext, openLibrary } from "./library.ts";

const here = dirname(fileURLToPath(import.meta.url));
const golden = join(here, "..", "..", "test", "golden", "pocket-pair");
const folder = mkdtempSync(join(tmpdir(), "pocket-pair-"));
const files = await pairBytes(PAIR_SEED);
for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, `${name}.gguf`), bytes);
const { library, version } = await openLibrary(process.argv[2] ?? here);
const context = await openContext(library, join(folder, "language.gguf"), join(folder, "vision.gguf"));
const names = idsByName(join(golden, "tokenizer.json"));

async function picture(name: string, side: number, seed: number): Promise<string> {
  const path = join(folder, `${name}.png`);
  writeFileSync(path, await encodePng(testPicture(side, seed)));
  return path;
}

const answers = [];
for (const seed of [5, 6]) {
  const task = { prompt: PROMPT, media_paths: [await picture(`one-${seed}`, 224, seed)] };
  const { tokens } = await context.tokenize(PROMPT, task);
  const greedyTokens = await greedyIds(context, task, { names, count: 64 });
  answers.push({ seed, promptTokens: tokens.length, greedyTokens });
}
const sliced = await context.tokenize(PROMPT, { media_paths: [await picture("sliced", 448, 5)] });
await context.release();
rmSync(folder, { recursive: true });
const sha256 = Object.fromEntries(
  Object.entries(files).map(([name, bytes]) => [name, createHash("sha256").update(bytes).digest("hex")]),
);
const body = { engine: version, sha256, answers, slicedPromptTokens: sliced.tokens.length };
writeFileSync(join(golden, "llama-node.json"), `${JSON.stringify(body)}\n`);
console.log(JSON.stringify(body));
