import type { TokenId } from "../../base/brand.ts";
import { ArgumentError } from "../../base/errors.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { Grammar, GrammarState } from "./grammar.ts";
import type { TokenMasker } from "./token-masker.ts";

/** Follows one answer through a grammar: a mask before each token, the chosen token after it. */
export class ConstrainedDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #masker: TokenMasker;
  #state: GrammarState;

  constructor(grammar: Grammar, masker: TokenMasker, tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#masker = masker;
    this.#state = grammar.start;
  }

  /** Where the answer stands; keep it to return with `restore` (beams, samples that share a start). */
  get state(): GrammarState {
    return this.#state;
  }

  restore(state: GrammarState): void {
    this.#state = state;
  }

  /** Bits of the tokens that may come next. Do not modify. */
  mask(): Uint32Array {
    return this.#masker.mask(this.#state);
  }

  /** Takes the chosen token, which must not be an end token. Throws ArgumentError for one that the mask forbids. */
  accept(id: TokenId): void {
    const state = this.#state.advance(this.#tokenizer.tokenBytes(id));
    if (state === undefined) {
      const message = `Token ${id} (${JSON.stringify(this.#tokenizer.tokenString(id))}) is not allowed here.`;
      throw new ArgumentError(message, "Choose among the tokens of the mask.");
    }
    this.#state = state;
  }
}
