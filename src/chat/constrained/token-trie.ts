import { type TokenId, tokenId } from "../../base/brand.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";

// Longer tokens do not occur in published vocabularies; their text can still be written with shorter ones.
const MAX_TOKEN_BYTES = 4096;

/** The byte strings of a vocabulary as a tree in depth-first order: a subtree that is ruled out is skipped at once. */
export interface TokenTrie {
  readonly vocabularySize: number;
  /** Byte that leads to each node. Node 0 is the root. */
  readonly bytes: Uint8Array;
  /** Index behind the last node of each node's subtree. */
  readonly ends: Int32Array;
  /** Tokens of node n: tokenIds[tokenStarts[n]] … tokenIds[tokenStarts[n + 1] − 1]. */
  readonly tokenStarts: Int32Array;
  readonly tokenIds: Int32Array;
}

interface Entry {
  readonly id: TokenId;
  /** One character per byte: strings sort and compare faster than arrays. */
  readonly bytes: string;
}

/** Added tokens are left out: they are commands to the model, their text can be written byte by byte. */
export function tokenTrie(tokenizer: Tokenizer): TokenTrie {
  const added = new Set(tokenizer.addedTokens.map((token) => token.id));
  const entries: Entry[] = [];
  for (let index = 0; index < tokenizer.vocabularySize; index++) {
    const id = tokenId(index);
    // Ids between the vocabulary and its added tokens may be unused.
    if (added.has(id) || !tokenizer.hasToken(id)) continue;
    const bytes = tokenizer.tokenBytes(id);
    if (bytes.length > 0 && bytes.length <= MAX_TOKEN_BYTES) entries.push({ id, bytes: String.fromCharCode(...bytes) });
  }
  entries.sort((a, b) => (a.bytes < b.bytes ? -1 : a.bytes > b.bytes ? 1 : 0));
  return build(entries, tokenizer.vocabularySize);
}

function build(entries: readonly Entry[], vocabularySize: number): TokenTrie {
  const bytes: number[] = [0];
  const ends: number[] = [0];
  const tokenStarts: number[] = [0];
  const tokenIds: number[] = [];
  const path: number[] = [0]; // nodes from the root to the last one
  let last = "";
  for (const entry of entries) {
    let shared = 0;
    while (shared < last.length && last[shared] === entry.bytes[shared]) shared++;
    while (path.length > shared + 1) ends[path.pop() ?? 0] = bytes.length;
    for (let i = shared; i < entry.bytes.length; i++) {
      path.push(bytes.length);
      bytes.push(entry.bytes.charCodeAt(i));
      ends.push(0);
      tokenStarts.push(tokenIds.length);
    }
    tokenIds.push(entry.id);
    last = entry.bytes;
  }
  for (const closed of path) ends[closed] = bytes.length;
  tokenStarts.push(tokenIds.length);
  return {
    vocabularySize,
    bytes: Uint8Array.from(bytes),
    ends: Int32Array.from(ends),
    tokenStarts: Int32Array.from(tokenStarts),
    tokenIds: Int32Array.from(tokenIds),
  };
}
