import { TokenizerFormatError } from "./errors.ts";

const UTF8 = new TextEncoder();

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

/** Reads and writes vocabulary strings in the byte alphabet. */
export class ByteAlphabet {
  readonly characters: readonly string[] = byteAlphabet();
  readonly #byteOfCode: readonly (number | undefined)[];

  constructor() {
    const byteOfCode: (number | undefined)[] = [];
    for (const [byte, character] of this.characters.entries()) byteOfCode[character.charCodeAt(0)] = byte;
    this.#byteOfCode = byteOfCode;
  }

  /** A text as a vocabulary spells it. */
  spell(text: string): string {
    let spelt = "";
    for (const byte of UTF8.encode(text)) spelt += this.characters[byte];
    return spelt;
  }

  /** What a vocabulary string, given in UTF-8, stands for. Throws TokenizerFormatError for a character outside the alphabet. */
  toBytes(token: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(token.length);
    let count = 0;
    for (let at = 0; at < token.length; count++) {
      const byte = this.#byteOfCode[codeAt(token, at)];
      if (byte === undefined) {
        const text = new TextDecoder().decode(token);
        throw new TokenizerFormatError(
          `vocabulary entry ${JSON.stringify(text)}`,
          "it is not spelt in the byte alphabet",
        );
      }
      bytes[count] = byte;
      at += token[at] < 0x80 ? 1 : 2;
    }
    return bytes.slice(0, count);
  }
}

const OUTSIDE = 0x10ffff;

/** The character at a place of UTF-8, where it has one byte or two: the alphabet has no others. */
function codeAt(utf8: Uint8Array, at: number): number {
  const lead = utf8[at];
  if (lead < 0x80) return lead;
  const isPair = lead >= 0xc2 && lead < 0xe0 && (utf8[at + 1] & 0xc0) === 0x80;
  return isPair ? ((lead & 0x1f) << 6) | (utf8[at + 1] & 0x3f) : OUTSIDE;
}
