import type { SourceFile } from "./source-tree.ts";
import { withoutComments } from "./source-tree.ts";

/** How often model text may say that one axis is another; each use is a place the axis types no longer guard. */
export const RENAME_AXIS_LIMIT = 12;

/** How many lines may stand above the median of the library's files, and above the largest. */
export const MEDIAN_LINES_LIMIT = 150;

// Places of one machine: a text that names them is wrong everywhere else. Spelled in parts so that this file passes.
const WORKPLACE = new RegExp(
  ["root/", "home/[a-z]+/", "Users/[A-Za-z]+/", "tmp/[a-z.]+"].map((path) => `(?<![\\w~*}-])/${path}`).join("|"),
);

const RULES: readonly {
  readonly name: string;
  readonly pattern: RegExp;
  readonly code: boolean;
  readonly library?: true;
}[] = [
  { name: "names a place of one machine", pattern: WORKPLACE, code: false },
  {
    name: "switches a check off",
    pattern: /@ts-(?:ignore|nocheck)|biome-ignore(?![^\n]*: \S+ \S+ \S+)/,
    code: false,
  },
  { name: "expects a type error outside a test", pattern: /@ts-expect-error/, code: false, library: true },
  { name: "has work left without an issue number", pattern: /\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))/, code: false },
  { name: "evaluates text as code", pattern: /\beval\s*\(|\bnew Function\s*\(/, code: true },
  { name: "draws random numbers without a seed", pattern: /\bMath\.random\s*\(/, code: true },
];

/** One sentence for each rule that a file breaks; rules about code do not look at comments. */
export function houseViolations(file: SourceFile): readonly string[] {
  const isTypeScript = /\.tsx?$/.test(file.path);
  const code = isTypeScript ? withoutComments(file.text) : "";
  const isTest = file.path.endsWith(".test.ts");
  return RULES.filter(({ library }) => !(library && isTest)).flatMap(({ name, pattern, code: codeOnly }) => {
    const found = pattern.exec(codeOnly ? code : file.text);
    return found === null ? [] : [`${file.path} ${name}: ${found[0]}`];
  });
}

/** Calls of the escape hatch outside the recorder that defines it. */
export function renameAxisUses(files: readonly SourceFile[]): number {
  return files
    .filter(({ path }) => !path.startsWith("src/tensor/"))
    .reduce((count, file) => count + [...withoutComments(file.text).matchAll(/\brenameAxis\s*\(/g)].length, 0);
}

/** Middle value of the line counts. */
export function medianLines(files: readonly SourceFile[]): number {
  const lines = files.map(({ text }) => text.split("\n").length - 1).toSorted((a, b) => a - b);
  return lines[Math.floor(lines.length / 2)] ?? 0;
}
