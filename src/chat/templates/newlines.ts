// Loops instead of /\n+$/: that pattern starts anew at every newline of a long run and takes quadratic time.

/** The text without newlines at its start. */
export function trimNewlinesStart(text: string): string {
  let start = 0;
  while (text[start] === "\n") start++;
  return text.slice(start);
}

/** The text without newlines at its end. */
export function trimNewlinesEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === "\n") end--;
  return text.slice(0, end);
}
