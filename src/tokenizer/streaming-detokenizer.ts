import type { TokenId } from "../base/brand.ts";
import type { DecodeOptions, Tokenizer } from "./tokenizer.ts";

/**
 * Turns ids into text while they are generated. Never gives out half a character: bytes wait until their character is
 * complete or cannot be completed any more. All pieces joined equal `tokenizer.decode` of all ids.
 */
export class StreamingDetokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #skipsSpecial: boolean;
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  #awaitsLeadingSpace: boolean;

  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#skipsSpecial = options.skipSpecial ?? false;
    this.#awaitsLeadingSpace = tokenizer.stripsLeadingSpace && options.keepLeadingSpace !== true;
  }

  /** Text that became complete with this token, often empty. Throws TokenIdError. */
  push(id: TokenId): string {
    const bytes = this.#tokenizer.tokenBytes(id);
    if (this.#skipsSpecial && this.#tokenizer.isSpecial(id)) return "";
    return this.#strip(this.#utf8.decode(bytes, { stream: true }));
  }

  /** What is left at the end: U+FFFD where a character was never completed. Starts anew afterwards. */
  flush(): string {
    return this.#strip(this.#utf8.decode());
  }

  #strip(text: string): string {
    if (!this.#awaitsLeadingSpace || text === "") return text;
    this.#awaitsLeadingSpace = false;
    return text.startsWith(" ") ? text.slice(1) : text;
  }
}
