/**
 * Runs llama.cpp on a published language model and on the same weights in float32, and writes `llama-cpp.json`: ids of 20
 * prompts, 64 greedy tokens each with their margins, and the perplexity of a text in windows.
 *
 *     npm install --ignore-scripts && node record.ts MODEL.gguf MODEL-f32.gguf [folder of the package]
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

type Next = { logits?: Map<number, number> };
type Wanted = { logits: true | { filter: { tokens: number[]; includeTop: number } } };
type Item = number | [number, { generateNext: Wanted }];
type Sequence = {
  clearHistory(): Promise<void>;
  controlledEvaluate(input: Item[]): Promise<({ next: Next } | undefined)[]>;
};
type Model = {
  tokenize(text: string, special: boolean, options: "trimLeadingSpace"): number[];
  createContext(options: Record<string, unknown>): Promise<{ getSequence(): Sequence; dispose(): Promise<void> }>;
  dispose(): Promise<void>;
};
type Llama = { loadModel(options: Record<string, unknown>): Promise<Model>; dispose(): Promise<void> };
type Library = { getLlama(options: Record<string, unknown>): Promise<Llama> };

const PROMPTS: { chat: string[]; plain: string[] } = JSON.parse(
  readFileSync(new URL("prompts.json", import.meta.url), "utf8"),
);
const TOKEN_COUNT = 64;
const WINDOW = 512;
/** Tokens whose logits are held at once. */
const CHUNK = 16;
const SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";

const here = dirname(fileURLToPath(import.meta.url));
const golden = join(here, "..", "..", "test", "golden", "smollm");
const [file, floatFile, root = here] = process.argv.slice(2);
if (file === undefined || floatFile === undefined) throw new Error("Give the model and its float32 copy.");

/** The chat template of the file, for one question. */
function rendered(question: string): string {
  return `<|im_start|>system\n${SYSTEM}<|im_end|>\n<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`;
}

const prompts = [...PROMPTS.chat.map(rendered), ...PROMPTS.plain];
const text = readFileSync(join(golden, "moby-dick.txt"), "utf8");

/** Greedy tokens, and by how much each logit led the next. The ending token does not end it. */
async function greedy(sequence: Sequence, ids: number[]): Promise<{ tokens: number[]; margins: number[] }> {
  await sequence.clearHistory();
  const tokens: number[] = [];
  const margins: number[] = [];
  let input = ids;
  while (tokens.length < TOKEN_COUNT) {
    const wanted: Wanted = { logits: { filter: { tokens: [], includeTop: 2 } } };
    const results = await sequence.controlledEvaluate([
      ...input.slice(0, -1),
      [input.at(-1) ?? 0, { generateNext: wanted }],
    ]);
    const [[token, first], [, second]] = [...(results.at(-1)?.next.logits ?? [])];
    tokens.push(token);
    margins.push(Number((first - second).toPrecision(4)));
    input = [token];
  }
  return { tokens, margins };
}

/**
 * Negative log-likelihoods of the second half of a window, whose tokens see at least half a window before them. Summed here
 * from all logits: the library's own sum is float32 and loses the tail of the vocabulary (2e-4 a token).
 */
async function windowLosses(sequence: Sequence, ids: number[]): Promise<number[]> {
  await sequence.clearHistory();
  const half = ids.length / 2;
  await sequence.controlledEvaluate(ids.slice(0, half));
  const losses: number[] = [];
  for (let at = half; at < ids.length - 1; at += CHUNK) {
    const chunk = ids.slice(at, Math.min(at + CHUNK, ids.length - 1));
    const results = await sequence.controlledEvaluate(
      chunk.map((id): Item => [id, { generateNext: { logits: true } }]),
    );
    for (const [i, result] of results.entries()) {
      const logits = result?.next.logits ?? new Map<number, number>();
      const top = Math.max(...logits.values());
      let total = 0;
      for (const logit of logits.values()) total += Math.exp(logit - top);
      losses.push(top + Math.log(total) - (logits.get(ids[at + i + 1] ?? -1) ?? Number.NaN));
    }
  }
  return losses;
}

async function record(llama: Llama, path: string) {
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: true });
  const context = await model.createContext({
    contextSize: 1024,
    batchSize: WINDOW,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  });
  const sequence = context.getSequence();
  const promptIds = prompts.map((prompt) => [...model.tokenize(prompt, true, "trimLeadingSpace")]);
  const answers = [];
  for (const ids of promptIds) answers.push(await greedy(sequence, ids));
  const textIds = [...model.tokenize(text, false, "trimLeadingSpace")];
  const losses: number[] = [];
  for (let at = 0; at + WINDOW <= textIds.length; at += WINDOW) {
    losses.push(...(await windowLosses(sequence, textIds.slice(at, at + WINDOW))));
  }
  await context.dispose();
  await model.dispose();
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  return { promptIds, textIds, answers, predictions: losses.length, perplexity: Math.exp(mean) };
}

const library: Library = await import(
  pathToFileURL(createRequire(join(root, "package.json")).resolve("node-llama-cpp")).href
);
const { version } = JSON.parse(readFileSync(join(root, "node_modules", "node-llama-cpp", "package.json"), "utf8"));
const info = JSON.parse(
  readFileSync(join(root, "node_modules", "node-llama-cpp", "llama", "llama.cpp.info.json"), "utf8"),
);
const llama = await library.getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: 1 });
const quantised = await record(llama, file);
const float = await record(llama, floatFile);
await llama.dispose();
const body = {
  engine: `llama.cpp ${info.tag} through node-llama-cpp ${version}`,
  model: { name: basename(file), sha256: createHash("sha256").update(readFileSync(file)).digest("hex") },
  window: WINDOW,
  textTokens: quantised.textIds.length,
  textIdsSha256: createHash("sha256").update(quantised.textIds.join(" ")).digest("hex"),
  predictions: quantised.predictions,
  perplexity: { quantised: quantised.perplexity, float: float.perplexity },
  prompts: prompts.map((prompt, i) => ({
    prompt,
    ids: quantised.promptIds[i],
    float: float.answers[i],
    quantised: quantised.answers[i],
  })),
};
writeFileSync(join(golden, "llama-cpp.json"), `${JSON.stringify(body)}\n`);
console.log(body.engine, body.textTokens, "tokens", body.perplexity);
for (const { float: f, quantised: q } of body.prompts) {
  console.log(
    f.tokens.findIndex((id, i) => id !== q.tokens[i]),
    Math.min(...f.margins),
  );
}
