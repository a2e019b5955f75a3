/**
 * Compares encode and decode with `@huggingface/tokenizers` on many texts for every vocabulary.
 * Usage: node test/long/tokenizer.ts [texts per vocabulary, default 200000] [seed]
 */
import { difference, tokenizerPair, VOCABULARY_NAMES } from "./tokenizer-peers.ts";
import { tokenizerSamples } from "./tokenizer-samples.ts";

const count = Number(process.argv[2] ?? 200_000);
const seed = Number(process.argv[3] ?? 20261122);
for (const name of VOCABULARY_NAMES) {
  const pair = tokenizerPair(name);
  let compared = 0;
  let different = 0;
  for (const text of tokenizerSamples(count, seed)) {
    const found = difference(pair, text);
    compared++;
    if (found === undefined) continue;
    different++;
    if (different <= 20) console.error(`${name}: ${found}`);
  }
  console.log(`${name}: ${compared} texts compared, ${different} different (seed ${seed})`);
  if (different > 0) process.exitCode = 1;
}
