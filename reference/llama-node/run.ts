/**
 * Runs llama.cpp on each tiny GGUF pair and writes `llama-node.json` beside it: prompt tokens, greedy tokens, and the
 * probabilities of the first token. Has its own package.json: `npm install && node run.ts [folder of the package]`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { greedyIds, idsByName, type Library, OPTIONS, openContext, openLibrary } from "./library.ts";

type Answer = {
  prompt: string;
  promptTokens: number;
  greedyTokens: number[];
  withGridPositions?: { greedyTokens: number[] };
};

const here = dirname(fileURLToPath(import.meta.url));
const ladder = join(here, "..", "..", "test", "golden", "ladder");

async function record(library: Library, version: string, libraryVersion: string): Promise<void> {
  const folder = join(ladder, version, "gguf");
  const torch: Answer = JSON.parse(readFileSync(join(folder, "torch.json"), "utf8"));
  const names = idsByName(join(folder, "..", "tokenizer.json"));
  const context = await openContext(library, join(folder, "model-f16.gguf"), join(folder, "mmproj-model-f16.gguf"));
  const media = { media_paths: [join(folder, "square.png")] };
  const tokenized = await context.tokenize(torch.prompt, media);
  const sliced = await context.tokenize(torch.prompt, { media_paths: [join(folder, "..", "landscape.png")] });
  const task = { prompt: torch.prompt, ...media };
  const greedyTokens = await greedyIds(context, task, { names, count: 64 });
  const first = await context.completion({ ...task, ...OPTIONS, n_predict: 1, n_probs: names.size }, () => undefined);
  await context.release();
  const expected = torch.withGridPositions?.greedyTokens ?? torch.greedyTokens;
  const agreeing = greedyTokens.findIndex((id, index) => id !== expected[index]);
  const probabilities = (first.completion_probabilities?.at(-1)?.probs ?? []).map((p) => ({
    id: names.get(p.tok_str) ?? null,
    probability: p.prob,
  }));
  const body = {
    engine: libraryVersion,
    prompt: torch.prompt,
    promptTokens: tokenized.tokens.length,
    landscapePromptTokens: sliced.tokens.length,
    promptTokensAgree: tokenized.tokens.length === torch.promptTokens,
    greedyTokens,
    greedyTokensAgreeingWithTorch: agreeing === -1 ? greedyTokens.length : agreeing,
    firstTokenProbabilities: probabilities.filter((p) => p.probability > 0),
  };
  writeFileSync(join(folder, "llama-node.json"), `${JSON.stringify(body)}\n`);
  console.log(
    version,
    body.promptTokens,
    "of",
    torch.promptTokens,
    "agree",
    body.greedyTokensAgreeingWithTorch,
    "of",
    greedyTokens.length,
  );
}

const { library, version: engine } = await openLibrary(process.argv[2] ?? here);
for (const version of ["v2.6", "v2.5", "v4.5", "v4.6"]) {
  if (existsSync(join(ladder, version, "gguf"))) await record(library, version, engine);
}
