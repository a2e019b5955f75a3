/** llama.cpp through @fugood/llama.node, asked for plain greedy answers. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

type Probability = { tok_str: string; prob: number };
type Step = { content: string; probs: Probability[] };
type Completion = { tokens_evaluated: number; tokens_predicted: number; completion_probabilities?: Step[] };
export type Context = {
  initMultimodal(options: { path: string; use_gpu: boolean }): Promise<boolean>;
  tokenize(text: string, options: { media_paths: string[] }): Promise<{ tokens: ArrayLike<number> }>;
  completion(options: Record<string, unknown>, onToken: () => void): Promise<Completion>;
  release(): Promise<void>;
};
export type Library = { loadModel(options: Record<string, unknown>): Promise<Context> };
type Tokenizer = {
  added_tokens: { id: number; content: string }[];
  model: { vocab: Record<string, number> };
};

/** Opens the package that was installed in `root`. */
export async function openLibrary(root: string): Promise<{ library: Library; version: string }> {
  const require = createRequire(join(root, "package.json"));
  const packageFile = join(root, "node_modules", "@fugood", "llama.node", "package.json");
  const { version } = JSON.parse(readFileSync(packageFile, "utf8"));
  const library: Library = await import(pathToFileURL(require.resolve("@fugood/llama.node")).href);
  return { library, version: `@fugood/llama.node ${version}` };
}

// At temperature 0 this library still penalises repeats; the one most likely token at temperature 1 is plain greedy.
const PLAIN = { temperature: 1, top_k: 0, top_p: 1, min_p: 0, penalty_repeat: 1, penalty_last_n: 0, dry_multiplier: 0 };
export const OPTIONS = { ...PLAIN, ignore_eos: true, seed: 1 };

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
export function idsByName(tokenizerFile: string): Map<string, number> {
  const json: Tokenizer = JSON.parse(readFileSync(tokenizerFile, "utf8"));
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

/** Opens a pair on one thread in float32 caches. Throws where llama.cpp refuses one of the files. */
export async function openContext(library: Library, model: string, projector: string): Promise<Context> {
  const context = await library.loadModel({
    model,
    n_ctx: 2048,
    n_gpu_layers: 0,
    n_threads: 1,
    cache_type_k: "f32",
    cache_type_v: "f32",
    flash_attn_type: "off",
  });
  if (!(await context.initMultimodal({ path: projector, use_gpu: false })))
    throw new Error(`llama.cpp refused the projector ${projector}.`);
  return context;
}

/** Ids of the most likely tokens, `count` of them; null where a name is not one token's. */
export async function greedyIds(
  context: Context,
  task: { prompt: string; media_paths: string[] },
  { names, count }: { names: Map<string, number>; count: number },
): Promise<(number | null)[]> {
  const asked = { ...task, ...OPTIONS, top_k: 1, n_predict: count, n_probs: 1 };
  const { completion_probabilities: steps = [] } = await context.completion(asked, () => undefined);
  // the library keeps the steps of earlier answers in front
  return steps.slice(-count).map((step) => names.get(step.probs[0]?.tok_str ?? "") ?? null);
}
