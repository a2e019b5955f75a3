/**
 * A published language model (SmolLM2-135M-Instruct, Q4_1) against llama.cpp: ids of 20 prompts, 64 greedy tokens each on
 * the float path, and the perplexity of a fixed text on both paths. llama.cpp's numbers are in test/golden/smollm, made by
 * reference/smollm. Exits 1 where a claim fails.
 *
 *     node test/long/smollm.ts SmolLM2-135M-Instruct.Q4_1.gguf
 */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { tokenId } from "../../src/base/brand.ts";
import type { DecoderRunner } from "../../src/runtime/decoder-runner.ts";
import { type LanguageModel, openLanguageModel } from "./smollm-model.ts";

interface Answer {
  readonly tokens: readonly number[];
  readonly margins: readonly number[];
}

interface Recording {
  readonly engine: string;
  readonly model: { readonly name: string; readonly sha256: string };
  readonly window: number;
  readonly textTokens: number;
  readonly textIdsSha256: string;
  readonly predictions: number;
  readonly perplexity: { readonly quantised: number; readonly float: number };
  readonly prompts: readonly {
    readonly prompt: string;
    readonly ids: readonly number[];
    /** llama.cpp on the same weights in float32. */
    readonly float: Answer;
    /** llama.cpp on the file itself, activations in 8 bit. */
    readonly quantised: Answer;
  }[];
}

const LARGEST_PERPLEXITY_ERROR = 0.001;
const golden = new URL("../golden/smollm/", import.meta.url);
const recording: Recording = JSON.parse(readFileSync(new URL("llama-cpp.json", golden), "utf8"));
const text = readFileSync(new URL("moby-dick.txt", golden), "utf8");

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("Give the path of the model.");
const failures: string[] = [];
const claim = (holds: boolean, what: string): void => {
  console.log(`${holds ? "holds" : "FAILS"}: ${what}`);
  if (!holds) failures.push(what);
};

console.log(recording.engine);
claim((await fileDigest(path)) === recording.model.sha256, `the file is ${recording.model.name}`);
for (const precision of ["float", "integer"] as const) {
  await using model = await openLanguageModel(path, precision);
  if (precision === "float") checkIds(model);
  await checkAnswers(model, precision);
  await checkPerplexity(model, precision);
}
if (failures.length > 0) process.exitCode = 1;

function checkIds({ tokenizer }: LanguageModel): void {
  const { prompts } = recording;
  const equal = prompts.filter(
    ({ prompt, ids }) => tokenizer.encode(prompt, { parseSpecial: true }).join() === ids.join(),
  ).length;
  claim(equal === prompts.length, `${equal} of ${prompts.length} prompts have llama.cpp's ids`);
  const digest = createHash("sha256").update(tokenizer.encode(text).join(" ")).digest("hex");
  claim(digest === recording.textIdsSha256, `the text has llama.cpp's ${recording.textTokens} ids`);
}

/** Greedy tokens; where they part, by how much llama.cpp's choice led there. */
async function checkAnswers({ decoder, tokenizer }: LanguageModel, precision: string): Promise<void> {
  const counts = { float: 0, quantised: 0 };
  let smallest = Number.POSITIVE_INFINITY;
  for (const [i, { ids, float, quantised }] of recording.prompts.entries()) {
    const tokens = await greedyTokens(decoder, ids, float.tokens.length);
    smallest = Math.min(smallest, ...float.margins);
    for (const [kind, answer] of Object.entries({ float, quantised }) as ["float" | "quantised", Answer][]) {
      const parted = tokens.findIndex((id, at) => id !== answer.tokens[at]);
      if (parted < 0) counts[kind]++;
      else {
        const [ours, theirs] = [tokens, answer.tokens].map((one) =>
          JSON.stringify(tokenizer.decode([tokenId(one[parted])])),
        );
        console.log(
          `  prompt ${i}, ${kind}: token ${parted} is ${ours}, not ${theirs}, which led by ${answer.margins[parted]}`,
        );
      }
    }
  }
  const all = recording.prompts.length;
  const what = `${precision} path: ${counts.float} of ${all} answers equal llama.cpp's in float32`;
  if (precision === "float") claim(counts.float === all, `${what} (smallest lead ${smallest})`);
  else console.log(what);
  console.log(`${precision} path: ${counts.quantised} of ${all} answers equal llama.cpp's on the quantised file`);
}

async function greedyTokens(decoder: DecoderRunner, ids: readonly number[], count: number): Promise<number[]> {
  const sequence = decoder.open();
  const tokens: number[] = [];
  let input = ids;
  while (tokens.length < count) {
    const logits = await decoder.step([{ sequence, ids: input }]);
    tokens.push(logits.reduce((best, logit, id) => (logit > logits[best] ? id : best), 0));
    input = tokens.slice(-1);
  }
  decoder.close(sequence);
  return tokens;
}

async function checkPerplexity({ decoder, tokenizer }: LanguageModel, precision: string): Promise<void> {
  const ids = tokenizer.encode(text);
  let loss = 0;
  let count = 0;
  for (let at = 0; at + recording.window <= ids.length; at += recording.window) {
    const losses = await windowLosses(decoder, ids.slice(at, at + recording.window));
    loss += losses.reduce((sum, one) => sum + one, 0);
    count += losses.length;
  }
  const perplexity = Math.exp(loss / count);
  claim(count === recording.predictions, `${count} tokens are predicted`);
  for (const [kind, theirs] of Object.entries(recording.perplexity)) {
    const error = perplexity / theirs - 1;
    const percent = `${error < 0 ? "−" : "+"}${(100 * Math.abs(error)).toPrecision(2)} %`;
    const what = `${precision} path: perplexity ${perplexity.toFixed(5)}, llama.cpp ${kind} ${theirs.toFixed(5)} (${percent})`;
    // the two paths differ from each other by what 8-bit activations cost, here and there
    if ((precision === "float") === (kind === "float")) claim(Math.abs(error) <= LARGEST_PERPLEXITY_ERROR, what);
    else console.log(what);
  }
}

/** Negative log-likelihoods of the second half of a window. */
async function windowLosses(decoder: DecoderRunner, ids: readonly number[]): Promise<number[]> {
  const sequence = decoder.open();
  const half = ids.length / 2;
  const select = Array.from({ length: half - 1 }, (_, i) => half + i);
  const logits = await decoder.step([{ sequence, ids: ids.slice(0, -1), select }]);
  decoder.close(sequence);
  const width = decoder.vocabularySize;
  return select.map((at, row) => {
    const scores = logits.subarray(row * width, (row + 1) * width);
    const top = scores.reduce((best, score) => Math.max(best, score));
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
    return top + Math.log(total) - scores[ids[at + 1]];
  });
}

async function fileDigest(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
