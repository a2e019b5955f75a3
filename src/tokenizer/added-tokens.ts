import type { AddedToken, TextPart } from "./tokenizer.ts";

/** Ordinary text, or a token that was cut out of it. */
export type Section =
  | { readonly kind: "text"; readonly runs: readonly TextPart[] }
  | { readonly kind: "token"; readonly token: AddedToken };

interface TrieNode {
  readonly children: Map<string, TrieNode>;
  token: AddedToken | undefined;
}

const WORD_CHARACTER = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]/u;

/** Finds the longest added token that starts at a place in a text. */
export class AddedTokenFinder {
  readonly #root: TrieNode = { children: new Map(), token: undefined };

  /** `contentOf` gives the string to search for, which differs from the content for normalised tokens. */
  constructor(tokens: readonly AddedToken[], contentOf: (token: AddedToken) => string) {
    for (const token of tokens) {
      let node = this.#root;
      const content = contentOf(token);
      if (content === "") continue;
      for (const unit of content.split("")) {
        let child = node.children.get(unit);
        if (child === undefined) {
          child = { children: new Map(), token: undefined };
          node.children.set(unit, child);
        }
        node = child;
      }
      node.token = token;
    }
  }

  get isEmpty(): boolean {
    return this.#root.children.size === 0;
  }

  /** Tokens inside the ranges of `text`, from left to right, the longest at each place. */
  *matches(text: string, ranges: readonly Range[]): Generator<Match> {
    for (const range of ranges) {
      let at = range.start;
      while (at < range.end) {
        const match = this.#longestAt(text, at, range);
        if (match === undefined) {
          at++;
          continue;
        }
        yield match;
        at = match.end;
      }
    }
  }

  #longestAt(text: string, start: number, range: Range): Match | undefined {
    let node: TrieNode | undefined = this.#root;
    let best: Match | undefined;
    for (let at = start; at < range.end; at++) {
      node = node.children.get(text[at]);
      if (node === undefined) break;
      const token = node.token;
      if (token !== undefined && (range.parseSpecial || isPlain(token))) best = { start, end: at + 1, token };
    }
    return best?.token.singleWord && touchesWord(text, best) ? undefined : best;
  }
}

/** Part of a text. `parseSpecial`: every added token counts there, not only the plain ones. */
interface Range {
  readonly start: number;
  readonly end: number;
  readonly parseSpecial: boolean;
}

interface Match {
  readonly start: number;
  readonly end: number;
  readonly token: AddedToken;
}

/** Runs of spaces and the like are vocabulary, not commands: text of a user may contain them. */
function isPlain(token: AddedToken): boolean {
  return !token.special && !/^[<[].*[>\]]$/su.test(token.content);
}

function touchesWord(text: string, match: Match): boolean {
  const before = Array.from(text.slice(Math.max(0, match.start - 2), match.start)).at(-1) ?? "";
  const after = Array.from(text.slice(match.end, match.end + 2))[0] ?? "";
  return WORD_CHARACTER.test(before) || WORD_CHARACTER.test(after);
}

/**
 * Cuts added tokens out of a row of parts. Neighbouring text stays one section even where parts meet, as the reference
 * encodes the joined string. `normalize` is applied to the joined text before the search.
 */
export function cutAddedTokens(
  parts: readonly TextPart[],
  finder: AddedTokenFinder,
  normalize: (text: string) => string = (text) => text,
): Section[] {
  const joined = parts.map((part) => part.text).join("");
  const text = normalize(joined);
  const ranges = partRanges(parts, normalize, text.length);
  const sections: Section[] = [];
  let end = 0;
  let swallowsLeft = false;
  const addText = (to: number, token: AddedToken | undefined): void => {
    let runs = runsBetween(text, ranges, end, to);
    if (swallowsLeft) runs = trimRuns(runs, "start");
    if (token?.lstrip === true) runs = trimRuns(runs, "end");
    if (runs.length > 0) sections.push({ kind: "text", runs });
  };
  for (const match of finder.matches(text, ranges)) {
    addText(match.start, match.token);
    sections.push({ kind: "token", token: match.token });
    swallowsLeft = match.token.rstrip;
    end = match.end;
  }
  addText(text.length, undefined);
  return sections;
}

function partRanges(parts: readonly TextPart[], normalize: (text: string) => string, length: number): Range[] {
  const ranges: Range[] = [];
  let joined = "";
  let start = 0;
  parts.forEach(({ text, parseSpecial }, index) => {
    joined += text;
    const end = index === parts.length - 1 ? length : Math.min(length, normalize(joined).length);
    ranges.push({ start, end: Math.max(start, end), parseSpecial });
    start = Math.max(start, end);
  });
  return ranges;
}

function runsBetween(text: string, ranges: readonly Range[], from: number, to: number): TextPart[] {
  const runs: TextPart[] = [];
  for (const { start, end, parseSpecial } of ranges) {
    const first = Math.max(from, start);
    const last = Math.min(to, end);
    if (first < last) runs.push({ text: text.slice(first, last), parseSpecial });
  }
  return runs;
}

function trimRuns(runs: readonly TextPart[], side: "start" | "end"): TextPart[] {
  const trimmed = [...runs];
  while (trimmed.length > 0) {
    const index = side === "start" ? 0 : trimmed.length - 1;
    const run = trimmed[index];
    const text = side === "start" ? run.text.trimStart() : run.text.trimEnd();
    if (text !== "") {
      trimmed[index] = { ...run, text };
      return trimmed;
    }
    trimmed.splice(index, 1);
  }
  return trimmed;
}
