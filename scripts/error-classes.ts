/** What docs/errors.md says of one error class. */
export interface ErrorClass {
  readonly name: string;
  readonly parent: string;
  readonly path: string;
  readonly summary: string;
  /** Absent where the class takes it from whoever throws, or from its parent. */
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
}

const CLASS = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?export (?:abstract )?class (\w+) extends (\w+) \{/g;

/** Reads the classes of one file that extend an error, in the order of the file. */
export function errorClasses(path: string, text: string): readonly ErrorClass[] {
  const found = [...text.matchAll(CLASS)].filter(([, , name]) => name.endsWith("Error"));
  return found.map((match, index) => {
    const end = found[index + 1]?.index ?? text.length;
    const body = text.slice(match.index + match[0].length, end);
    const call = body.indexOf("super(");
    const [code, message, hint] = call < 0 ? [] : callArguments(body.slice(call + "super(".length));
    const isCoded = code !== undefined && /^"E_\w+"$/.test(code);
    const described = isCoded
      ? { code: literalText(code), message: literalText(message), hint: literalText(hint) ?? defaultOf(body, hint) }
      : {};
    const summary = (match[1] ?? "")
      .replace(/^\s*\*\s?/gm, "")
      .replace(/\s+/g, " ")
      .trim();
    return { name: match[2], parent: match[3], path, summary, ...described };
  });
}

/** Splits the text behind an opening parenthesis into the call's arguments, by nesting and quotes. */
export function callArguments(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"' || char === "`" || char === "'") i = endOfQuote(text, i);
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char) && depth > 0) depth--;
    else if (depth === 0 && (char === "," || char === ")")) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
      if (char === ")") return parts.filter((part) => part !== "");
    }
  }
  return parts;
}

function endOfQuote(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === text[open]) return i;
    else if (text[open] === "`" && text.startsWith("${", i)) i = endOfHole(text, i + 2);
  }
  return text.length;
}

/** Index of the brace that closes a `${` of a template. */
function endOfHole(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if (text[i] === '"' || text[i] === "`") i = endOfQuote(text, i);
    else if (text[i] === "{") depth++;
    else if (text[i] === "}" && depth-- === 0) return i;
  }
  return text.length;
}

/** The words of a string or template, its holes as ‹expression›; undefined for any other expression. */
function literalText(expression: string | undefined): string | undefined {
  if (expression === undefined || !/^["`]/.test(expression) || endOfQuote(expression, 0) !== expression.length - 1) {
    return undefined;
  }
  let words = "";
  for (let i = 1; i < expression.length - 1; i++) {
    if (expression.startsWith("${", i)) {
      const end = endOfHole(expression, i + 2);
      words += `‹${holeName(expression.slice(i + 2, end))}›`;
      i = end;
    } else if (expression[i] === "\\") words += expression[++i];
    else words += expression[i];
  }
  return words;
}

// a hole is named by what it shows, not by how: JSON.stringify(name) is name
function holeName(expression: string): string {
  const inner = /^[\w.]+\((\w[\w.]*)[^()]*\)$/.exec(expression)?.[1] ?? expression;
  return /^[\w.]+$/.test(inner) ? (inner.split(".").at(-1) ?? inner) : "…";
}

/** The literal that a parameter falls back to. */
function defaultOf(body: string, parameter: string | undefined): string | undefined {
  if (parameter === undefined || !/^\w+$/.test(parameter)) return undefined;
  const at = new RegExp(`\\b${parameter}\\s*=\\s*(?=["\`])`).exec(body);
  if (at === null) return undefined;
  const rest = body.slice(at.index + at[0].length);
  return literalText(rest.slice(0, endOfQuote(rest, 0) + 1));
}
