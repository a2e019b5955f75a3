/** Cuts pieces of text into smaller pieces. `isFirst`: the pieces begin the whole text. */
export type PreTokenizer = (pieces: readonly string[], isFirst: boolean) => readonly string[];

/** Word pattern of GPT-2's byte-level pre-tokenizer. */
export const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** Every match and every gap between matches is a piece of its own. */
export function splitByPattern(pattern: RegExp): PreTokenizer {
  return (pieces) => {
    const out: string[] = [];
    for (const piece of pieces) {
      let end = 0;
      for (const match of piece.matchAll(pattern)) {
        if (match.index > end) out.push(piece.slice(end, match.index));
        if (match[0] !== "") out.push(match[0]);
        end = match.index + match[0].length;
      }
      if (end < piece.length) out.push(piece.slice(end));
    }
    return out;
  };
}

/** Puts a space before each piece that does not begin with one. */
export function addPrefixSpace(pieces: readonly string[]): readonly string[] {
  return pieces.map((piece) => (piece.startsWith(" ") ? piece : ` ${piece}`));
}

export interface MetaspaceOptions {
  readonly mark: string;
  readonly prependScheme: "always" | "first" | "never";
  /** Cuts before every mark. */
  readonly split: boolean;
}

/** Turns spaces into marks and puts one before the text. */
export function metaspace({ mark, prependScheme, split }: MetaspaceOptions): PreTokenizer {
  return (pieces, isFirst) =>
    pieces.flatMap((piece) => {
      const marked = piece.replaceAll(" ", mark);
      const isPrefixed = prependScheme === "always" || (prependScheme === "first" && isFirst);
      const text = isPrefixed && !marked.startsWith(mark) ? mark + marked : marked;
      return split ? splitBefore(text, mark) : [text];
    });
}

function splitBefore(text: string, mark: string): string[] {
  const out: string[] = [];
  let start = 0;
  for (let at = text.indexOf(mark, 1); at >= 0; at = text.indexOf(mark, at + 1)) {
    out.push(text.slice(start, at));
    start = at;
  }
  if (start < text.length) out.push(text.slice(start));
  return out;
}

/** One after the other. */
export function preTokenizeInSequence(steps: readonly PreTokenizer[]): PreTokenizer {
  return (pieces, isFirst) => {
    let result = pieces;
    for (const step of steps) result = step(result, isFirst);
    return result;
  };
}
