import { ByteAlphabet } from "./byte-alphabet.ts";

/** Tokens that are whole UTF-8 text, by that text: what `ignore_merges` looks a word up in. */
export function wordsOfTokens(ids: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const alphabet = new ByteAlphabet();
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  const words = new Map<string, number>();
  for (const [token, id] of ids) {
    const text = utf8.decode(alphabet.toBytes(token));
    // A token that is part of a character decodes to U+FFFD and can never equal a word.
    if (!text.includes("\uFFFD")) words.set(text, id);
  }
  return words;
}
