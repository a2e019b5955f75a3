import type { TokenId } from "../../base/brand.ts";
import { tokenId } from "../../base/brand.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";

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

/** Added tokens are left out: they are commands to the model, their text can be written byte by byte. */
export function tokenTrie(tokenizer: Tokenizer): TokenTrie {
  const added = new Set(tokenizer.addedTokens.map((token) => token.id));
  const entries: { id: TokenId; bytes: Uint8Array }[] = [];
  for (let index = 0; index < tokenizer.vocabularySize; index++) {
    const id = tokenId(index);
    const bytes = added.has(id) ? undefined : bytesOf(tokenizer, id);
    if (bytes !== undefined && bytes.length > 0) entries.push({ id, bytes });
  }
  entries.sort((a, b) => compareBytes(a.bytes, b.bytes));
  return build(entries, tokenizer.vocabularySize);
}

/** Ids between the vocabulary and its added tokens may be unused. */
function bytesOf(tokenizer: Tokenizer, id: TokenId): Uint8Array | undefined {
  return tokenizer.hasToken(id) ? tokenizer.tokenBytes(id) : undefined;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function build(entries: readonly { id: TokenId; bytes: Uint8Array }[], vocabularySize: number): TokenTrie {
  const bytes: number[] = [0];
  const ends: number[] = [0];
  const tokenStarts: number[] = [0];
  const tokenIds: number[] = [];
  const path: number[] = [0]; // nodes from the root to the last one
  let last = new Uint8Array(0);
  for (const entry of entries) {
    let shared = 0;
    while (shared < last.length && last[shared] === entry.bytes[shared]) shared++;
    for (const closed of path.splice(shared + 1)) ends[closed] = bytes.length;
    for (let i = shared; i < entry.bytes.length; i++) {
      path.push(bytes.length);
      bytes.push(entry.bytes[i]);
      ends.push(0);
      tokenStarts.push(tokenIds.length);
    }
    tokenIds.push(entry.id);
    last = new Uint8Array(entry.bytes);
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
