import { describe, expect, test } from "vitest";
import { TokenizerUnsupportedError } from "./errors.ts";
import { compilePattern } from "./pattern.ts";

function pieces(pattern: string, text: string): string[] {
  return Array.from(text.matchAll(compilePattern(pattern, "test")), (match) => match[0]);
}

describe("a word pattern keeps the meaning it has in the reference's engine", () => {
  test("white space follows Unicode, not JavaScript", () => {
    expect(pieces("\\s+", "a\u0085\u00a0b\ufeffc")).toEqual(["\u0085\u00a0"]);
    expect(pieces("[^\\s]+", "a\u0085b\ufeffc")).toEqual(["a", "b\ufeffc"]);
  });

  test("a case-insensitive group folds letters and nothing outside it", () => {
    expect(pieces("(?i:'s|'re\\p{Lu})|x", "'S 'REa 'rEA xX")).toEqual(["'S", "'rEA", "x"]);
  });
});

// Catches a file that makes the tokenizer hang on an ordinary text.
test.each(["(a+)+b", "(?:a*|b)*c", "((?:x+)y?){2,}", "(?i:a{1,})+", "[", "(?<=", "a".repeat(5000), "\\"])(
  "%j is refused with a typed error",
  (pattern) => {
    expect(() => compilePattern(pattern, "test")).toThrow(TokenizerUnsupportedError);
  },
);

test("patterns of published tokenizers are not taken for dangerous ones", () => {
  for (const pattern of ["(?:'s|'t)?\\p{L}+", "[^(]+(?:a|b)?", "\\(+\\)+", "(?:\\s+|a)?b"]) {
    expect(() => compilePattern(pattern, "test")).not.toThrow();
  }
});
