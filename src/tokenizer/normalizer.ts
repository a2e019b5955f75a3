/** Changes a section of text before it is cut into words. */
export type Normalizer = (text: string) => string;

/** Marks a word start in SentencePiece vocabularies (U+2581). */
export const SPACE_MARK = "\u2581";

/** Puts `prefix` before a text that is not empty. */
export function prepend(prefix: string): Normalizer {
  return (text) => (text === "" ? text : prefix + text);
}

/** Replaces every occurrence of a literal string. */
export function replaceAll(pattern: string, replacement: string): Normalizer {
  return (text) => text.replaceAll(pattern, () => replacement);
}

/** A Unicode normalisation form. */
export function unicodeForm(form: "NFC" | "NFD" | "NFKC" | "NFKD"): Normalizer {
  return (text) => text.normalize(form);
}

/** One after the other. */
export function inSequence(steps: readonly Normalizer[]): Normalizer {
  return (text) => {
    let result = text;
    for (const step of steps) result = step(result);
    return result;
  };
}
