/**
 * Decode throughput of one answer and of eight at once: node test/long/decode-throughput.ts LANGUAGE.gguf MMPROJ.gguf [tokens, default 40].
 * Made for the 7B-shaped synthetic pair with few layers. Appends a row for each count to bench/results/concurrency.jsonl
 * unless --trial is given.
 */
import { appendFileSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { basename, join } from "node:path";
import { commitName, machineName } from "../../scripts/bench-lib.ts";
import { load } from "../../src/chat/load.ts";
import type { Model } from "../../src/chat/model.ts";

const isTrial = process.argv.includes("--trial");
const [language, vision, tokens = "40"] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const COUNTS = [1, 2, 4, 8];
const ROUNDS = isTrial ? 1 : 2;

/** Tokens a second of all answers together, from the moment all prompts are read to the last token. */
async function throughput(model: Model, count: number, round: number): Promise<number> {
  const ask = async (i: number) => {
    const { timings, usage } = await model.complete([{ role: "user", content: `${round} ${count} ${i} in the` }], {
      temperature: 0,
      maxNewTokens: Number(tokens),
      ignoresStopTokens: true,
    });
    return { decodeMs: timings.decodeMs, tokens: usage.completionTokens - 1 };
  };
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => ask(i)));
  const longest = Math.max(...answers.map(({ decodeMs }) => decodeMs));
  return (answers.reduce((sum, answer) => sum + answer.tokens, 0) * 1000) / longest;
}

const threads = cpus().length;
await using model = await load({ language, vision }, { load: "together", sequenceCount: 8, threads });
await throughput(model, 8, 0);
const best = new Map<number, number>();
for (let round = 1; round <= ROUNDS; round++) {
  for (const count of COUNTS) best.set(count, Math.max(best.get(count) ?? 0, await throughput(model, count, round)));
}
const alone = best.get(1) ?? Number.NaN;
for (const [count, value] of best) {
  const row = {
    date: new Date().toISOString(),
    commit: commitName(),
    machine: machineName(),
    node: process.version,
    case: `decode, ${basename(language)}, ${(statSync(language).size / 1e6).toFixed(0)} MB`,
    layers: model.runtime.description.decoder.layerCount,
    threads,
    answers: count,
    value: Number(value.toPrecision(4)),
    unit: "tokens/s",
    timesOne: Number((value / alone).toPrecision(3)),
    rounds: ROUNDS,
  };
  console.log(JSON.stringify(row));
  if (!isTrial)
    appendFileSync(join(import.meta.dirname, "../../bench/results/concurrency.jsonl"), `${JSON.stringify(row)}\n`);
}
