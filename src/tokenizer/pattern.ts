import { TokenizerUnsupportedError } from "./errors.ts";

const MAX_PATTERN_LENGTH = 4096;

// JavaScript's \s has U+FEFF and lacks U+0085; the reference's engine follows the Unicode property.
const CLASS_ESCAPES: Readonly<Record<string, string>> = {
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  d: "\\p{Nd}",
  D: "\\P{Nd}",
};

/** A word pattern of tokenizer.json (Oniguruma syntax) as a JavaScript pattern. Throws TokenizerUnsupportedError. */
export function compilePattern(source: string, place: string): RegExp {
  const refuse = (found: string): never => {
    throw new TokenizerUnsupportedError(place, found, ["patterns of the GPT, Llama and Qwen families"]);
  };
  if (source.length > MAX_PATTERN_LENGTH) return refuse(`a pattern of ${source.length} characters`);
  if (repeatsRepetition(source)) return refuse("a repeated group that repeats inside");
  try {
    return new RegExp(translate(source, refuse), "gu");
  } catch (error) {
    if (error instanceof SyntaxError) return refuse(`pattern ${JSON.stringify(source)} (${error.message})`);
    throw error;
  }
}

function translate(source: string, refuse: (found: string) => never): string {
  let out = "";
  let depth = 0;
  let foldedDepth: number | undefined; // depth of the group that opened with (?i:
  let isInClass = false;
  for (let at = 0; at < source.length; at++) {
    const character = source[at];
    if (character === "\\") {
      const escaped = source[++at] ?? refuse("a pattern that ends in a backslash");
      const property = /^[pP]$/.test(escaped) ? (/^\{[^}]*\}/.exec(source.slice(at + 1, at + 65))?.[0] ?? "") : "";
      at += property.length;
      out += CLASS_ESCAPES[escaped] ?? `\\${escaped}${property}`;
    } else if (isInClass) {
      if (character === "]") isInClass = false;
      if (character === "[" || source.startsWith("&&", at)) return refuse("a nested character class");
      out += character;
    } else if (source.startsWith("(?i:", at)) {
      depth++;
      foldedDepth ??= depth;
      out += "(?:";
      at += 3;
    } else if (foldedDepth !== undefined && /[A-Za-z]/.test(character)) {
      // Inline flags are younger than the oldest engine supported, so letters become classes.
      out += `[${character.toLowerCase()}${character.toUpperCase()}]`;
    } else {
      if (character === "[") isInClass = true;
      if (character === "(") depth++;
      if (character === ")") {
        if (foldedDepth === depth) foldedDepth = undefined;
        depth--;
      }
      out += character;
    }
  }
  return out;
}

/** True for `(a+)*` and the like: a backtracking engine can take exponential time on them. */
function repeatsRepetition(source: string): boolean {
  const open = [false]; // for each open group: an unbounded repetition was seen inside
  const bare = source.replace(/\\[pP]\{[^}]*\}|\\./gsu, "x").replace(/\[[^\]]*\]/g, "x");
  for (let at = 0; at < bare.length; at++) {
    const character = bare[at];
    const isUnbounded = /^(?:[*+]|\{\d*,\})/.test(bare.slice(at, at + 12));
    if (character === "(") open.push(false);
    else if (isUnbounded) open[open.length - 1] = true;
    else if (character === ")" && open.length > 1) {
      const hasRepetition = open.pop() ?? false;
      if (hasRepetition && /^(?:[*+]|\{\d)/.test(bare.slice(at + 1, at + 3))) return true;
      if (hasRepetition) open[open.length - 1] = true;
    }
  }
  return false;
}
