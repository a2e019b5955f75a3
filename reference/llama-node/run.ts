/**
 * Runs llama.cpp on each tiny GGUF pair and writes `llama-node.json` beside it: prompt tokens, greedy tokens, and the
 * probabilities of the first token. Has its own package.json: `npm install && node run.ts [folder of the package]`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

type Probability = { tok_str: string; prob: number };
type Step = { content: string; probs: Probability[] };
type Completion = { tokens_evaluated: number; tokens_predicted: number; completion_probabilities?: Step[] };
type Context = {
  initMultimodal(options: { path: string; use_gpu: boolean }): Promise<boolean>;
  tokenize(text: string, options: { media_paths: string[] }): Promise<{ tokens: ArrayLike<number> }>;
  completion(options: Record<string, unknown>, onToken: () => void): Promise<Completion>;
  release(): Promise<void>;
};
type Library = { loadModel(options: Record<string, unknown>): Promise<Context> };
type Answer = {
  prompt: string;
  promptTokens: number;
  greedyTokens: number[];
  withGridPositions?: { greedyTokens: number[] };
};
type Tokenizer = {
  added_tokens: { id: number; content: string }[];
  model: { vocab: Record<string, number> };
};

const here = dirname(fileURLToPath(import.meta.url));
const ladder = join(here, "..", "..", "test", "golden", "ladder");
// At temperature 0 this library still penalises repeats; the one most likely token at temperature 1 is plain greedy.
const PLAIN = { temperature: 1, top_k: 0, top_p: 1, min_p: 0, penalty_repeat: 1, penalty_last_n: 0, dry_multiplier: 0 };
const OPTIONS = { ...PLAIN, ignore_eos: true, seed: 1 };

/** The byte each printable stand-in of a byte-level vocabulary means. */
function byteOf(): Map<string, number> {
  const printable = [...Array(256).keys()].filter(
    (b) => (b >= 33 && b < 127) || (b >= 161 && b < 173) || (b >= 174 && b < 256),
  );
  const table = new Map(printable.map((b) => [String.fromCodePoint(b), b]));
  let extra = 0;
  for (let b = 0; b < 256; b++) if (!printable.includes(b)) table.set(String.fromCodePoint(256 + extra++), b);
  return table;
}

/** llama.cpp names a token by its text, or `byte: \xNN` where the text is not valid UTF-8 by itself. */
function idsByName(folder: string): Map<string, number> {
  const json: Tokenizer = JSON.parse(readFileSync(join(folder, "..", "tokenizer.json"), "utf8"));
  const bytes = byteOf();
  const names = new Map<string, number>();
  for (const [word, id] of Object.entries(json.model.vocab)) {
    const raw = Uint8Array.from([...word].map((symbol) => bytes.get(symbol) ?? 0));
    const single = raw.length === 1 && (raw[0] ?? 0) > 127;
    const hex = (raw[0] ?? 0).toString(16).padStart(2, "0");
    names.set(single ? `byte: \\x${hex}` : new TextDecoder().decode(raw), id);
  }
  for (const token of json.added_tokens) names.set(token.content, token.id);
  return names;
}

async function record(library: Library, version: string, libraryVersion: string): Promise<void> {
  const folder = join(ladder, version, "gguf");
  const torch: Answer = JSON.parse(readFileSync(join(folder, "torch.json"), "utf8"));
  const names = idsByName(folder);
  const context = await library.loadModel({
    model: join(folder, "model-f16.gguf"),
    n_ctx: 2048,
    n_gpu_layers: 0,
    n_threads: 1,
    cache_type_k: "f32",
    cache_type_v: "f32",
    flash_attn_type: "off",
  });
  const media = { media_paths: [join(folder, "square.png")] };
  const loaded = await context.initMultimodal({ path: join(folder, "mmproj-model-f16.gguf"), use_gpu: false });
  if (!loaded) throw new Error(`llama.cpp refused the projector of ${version}.`);
  const tokenized = await context.tokenize(torch.prompt, media);
  const sliced = await context.tokenize(torch.prompt, { media_paths: [join(folder, "..", "landscape.png")] });
  const task = { prompt: torch.prompt, ...media };
  const greedy = await context.completion(
    { ...task, ...OPTIONS, top_k: 1, n_predict: 64, n_probs: 1 },
    () => undefined,
  );
  const greedySteps = [...(greedy.completion_probabilities ?? [])];
  const first = await context.completion({ ...task, ...OPTIONS, n_predict: 1, n_probs: names.size }, () => undefined);
  await context.release();
  const greedyTokens = greedySteps.map((step) => names.get(step.probs[0]?.tok_str ?? "") ?? null);
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

const root = process.argv[2] ?? here;
const require = createRequire(join(root, "package.json"));
const packageFile = join(root, "node_modules", "@fugood", "llama.node", "package.json");
const { version: libraryVersion } = JSON.parse(readFileSync(packageFile, "utf8"));
const imported: Library = await import(pathToFileURL(require.resolve("@fugood/llama.node")).href);
for (const version of ["v2.6", "v2.5", "v4.5", "v4.6"]) {
  if (existsSync(join(ladder, version, "gguf")))
    await record(imported, version, `@fugood/llama.node ${libraryVersion}`);
}
