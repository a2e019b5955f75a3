/**
 * Compares GGUF vocabularies with the ids that llama.cpp keeps beside its own (`models/ggml-vocab-*.gguf` with `.inp`
 * and `.out`). Texts that NFC changes are counted apart: llama.cpp does not normalise, the reference does.
 * Usage: node test/long/tokenizer-gguf.ts FOLDER [names]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gguf } from "@huggingface/gguf";
import { ggufVocabulary } from "../../src/tokenizer/gguf-vocabulary.ts";
import { tokenizerFromGguf } from "../../src/tokenizer/tokenizer-gguf.ts";

const SEPARATOR = "\n__ggml_vocab_test__\n";
const [folder, ...given] = process.argv.slice(2);
const names = given.length > 0 ? given : ["llama-bpe", "qwen2", "qwen35", "llama-spm", "phi-3", "gpt-2"];

for (const name of names) {
  const path = join(folder, `ggml-vocab-${name}.gguf`);
  const { metadata } = await gguf(path, { allowLocalFile: true });
  const values = new Map<string, unknown>(Object.entries(metadata));
  const tokenizer = tokenizerFromGguf(ggufVocabulary((key) => values.get(key)));
  const texts = readFileSync(`${path}.inp`, "utf8").split(SEPARATOR);
  const lines = readFileSync(`${path}.out`, "utf8").split("\n");
  const wrong = texts.filter((text, index) => tokenizer.encode(text).join(" ") !== lines[index].trim());
  const normalized = wrong.filter((text) => text.normalize("NFC") !== text).length;
  console.log(`${name}: ${texts.length} texts, ${wrong.length - normalized} different, ${normalized} more by NFC`);
  if (wrong.length > normalized) process.exitCode = 1;
}
