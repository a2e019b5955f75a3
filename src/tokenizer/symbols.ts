import { UnencodableTextError } from "./errors.ts";

/** Cuts a word into the symbols that merging starts from. */
export type Symboliser = (word: string) => Int32Array;

/** Ids of characters: of tokens, or of symbols that exist only while merging. */
export interface SymbolIds {
  get(character: string): number | undefined;
}

const UTF8 = new TextEncoder();

/** What stands for text that has no token of its own. */
export interface Fallback {
  /** Id of each of the 256 byte tokens, where the vocabulary has them and uses them. */
  readonly byteIds: readonly (number | undefined)[] | undefined;
  readonly unknownId: number | undefined;
  /** Makes one unknown token of neighbouring unknown characters. */
  readonly fusesUnknown: boolean;
}

/** One symbol per UTF-8 byte. Throws UnencodableTextError where a byte has no token. */
export function byteSymboliser(byteIds: readonly (number | undefined)[], unknownId: number | undefined): Symboliser {
  return (word) => {
    const bytes = UTF8.encode(word);
    const symbols = new Int32Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) {
      const id = byteIds[bytes[i]] ?? unknownId;
      if (id === undefined) throw new UnencodableTextError(`byte 0x${bytes[i].toString(16).padStart(2, "0")}`);
      symbols[i] = id;
    }
    return symbols;
  };
}

/** One symbol per character; unknown characters become byte tokens or the unknown token. Throws UnencodableTextError. */
export function characterSymboliser(ids: SymbolIds, fallback: Fallback): Symboliser {
  return (word) => {
    const symbols: number[] = [];
    let isAfterUnknown = false;
    for (const character of word) {
      const id = ids.get(character);
      const known = id === undefined ? bytesOf(character, fallback) : [id];
      if (known !== undefined) {
        symbols.push(...known);
        isAfterUnknown = false;
        continue;
      }
      if (fallback.unknownId === undefined) throw new UnencodableTextError(`character ${JSON.stringify(character)}`);
      if (!isAfterUnknown || !fallback.fusesUnknown) symbols.push(fallback.unknownId);
      isAfterUnknown = true;
    }
    return Int32Array.from(symbols);
  };
}

/** Byte tokens of a character, or undefined where one of them is missing: half a character would be worse than none. */
export function bytesOf(character: string, fallback: Fallback): readonly number[] | undefined {
  if (fallback.byteIds === undefined) return undefined;
  const ids: number[] = [];
  for (const byte of UTF8.encode(character)) {
    const id = fallback.byteIds[byte];
    if (id === undefined) return undefined;
    ids.push(id);
  }
  return ids;
}
