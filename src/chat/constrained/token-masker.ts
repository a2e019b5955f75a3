import type { TokenId } from "../../base/brand.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { GrammarState } from "./grammar.ts";
import { type TokenTrie, tokenTrie } from "./token-trie.ts";

const KEPT_MASKS = 128; // of about 19 kB each for 150,000 tokens

/** Which tokens may follow a grammar state. One masker serves every grammar over its vocabulary. */
export class TokenMasker {
  readonly #trie: TokenTrie;
  readonly #endIds: readonly TokenId[];
  #masks = new Map<GrammarState, Uint32Array>();

  /** `endIds`: the tokens that end an answer; they are allowed where the text is complete. */
  constructor(tokenizer: Tokenizer, endIds: readonly TokenId[]) {
    this.#trie = tokenTrie(tokenizer);
    this.#endIds = endIds;
  }

  /** One bit per token: bit id % 32 of word id / 32. Kept per state; do not modify. */
  mask(state: GrammarState): Uint32Array {
    let mask = this.#masks.get(state);
    if (mask === undefined) {
      if (this.#masks.size >= KEPT_MASKS) this.#masks = new Map([...this.#masks].slice(KEPT_MASKS / 2));
      mask = this.#build(state);
      this.#masks.set(state, mask);
    }
    return mask;
  }

  #build(start: GrammarState): Uint32Array {
    const { bytes, ends, tokenStarts, tokenIds, vocabularySize } = this.#trie;
    const mask = new Uint32Array(Math.ceil(vocabularySize / 32));
    // The way from the root to the current node: where each subtree ends, and the state inside it.
    const states: GrammarState[] = [start];
    const openEnds: number[] = [bytes.length];
    let depth = 0;
    for (let node = 1; node < bytes.length; ) {
      while (node >= openEnds[depth]) depth--;
      const state = states[depth].next(bytes[node]);
      if (state === undefined) {
        node = ends[node];
        continue;
      }
      for (let at = tokenStarts[node]; at < tokenStarts[node + 1]; at++) set(mask, tokenIds[at]);
      depth++;
      states[depth] = state;
      openEnds[depth] = ends[node];
      node++;
    }
    if (start.isComplete) for (const id of this.#endIds) set(mask, id);
    return mask;
  }
}

function set(mask: Uint32Array, id: number): void {
  mask[id >>> 5] |= 1 << (id & 31);
}

/** True where the mask allows the token. */
export function isAllowed(mask: Uint32Array, id: TokenId): boolean {
  return ((mask[id >>> 5] >>> (id & 31)) & 1) === 1;
}

/** Sets the logits of forbidden tokens to −∞. Logits beyond the vocabulary (padding of the head) are forbidden too. */
export function maskLogits(logits: Float32Array, mask: Uint32Array): void {
  for (let id = 0; id < logits.length; id++) {
    if (((mask[id >>> 5] >>> (id & 31)) & 1) === 0) logits[id] = Number.NEGATIVE_INFINITY;
  }
}
