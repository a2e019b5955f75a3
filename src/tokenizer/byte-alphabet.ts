import { TokenizerFormatError } from "./errors.ts";

/** The 256 printable characters that stand for bytes in GPT-2 style vocabularies, by byte. */
export function byteAlphabet(): readonly string[] {
  const alphabet: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    // printable Latin-1 stands for itself, everything else moves up from U+0100 in order (Radford et al. 2019)
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    alphabet.push(String.fromCharCode(printable ? byte : next++));
  }
  return alphabet;
}

/** Reads vocabulary strings written in the byte alphabet. */
export class ByteAlphabet {
  readonly characters: readonly string[] = byteAlphabet();
  readonly #bytes = new Map(this.characters.map((character, byte) => [character, byte]));

  /** Throws TokenizerFormatError where the token has a character outside the alphabet. */
  toBytes(token: string): Uint8Array {
    const bytes = new Uint8Array(token.length);
    for (let i = 0; i < token.length; i++) {
      const byte = this.#bytes.get(token[i]);
      if (byte === undefined) {
        throw new TokenizerFormatError(
          `vocabulary entry ${JSON.stringify(token)}`,
          `${JSON.stringify(token[i])} does not stand for a byte`,
        );
      }
      bytes[i] = byte;
    }
    return bytes;
  }
}
