import { ByteAlphabet } from "./byte-alphabet.ts";
import type { TokenIds } from "./string-index.ts";

/** Tokens by the text that they are written for in the byte alphabet: what `ignore_merges` looks a word up in. */
export function wordsOfTokens(ids: TokenIds, isWord: (id: number) => boolean = () => true): TokenIds {
  const alphabet = new ByteAlphabet();
  return {
    get: (word) => {
      const id = ids.get(alphabet.spell(word));
      return id !== undefined && isWord(id) ? id : undefined;
    },
  };
}
