import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

const ROOT = join(import.meta.dirname, "..");

const HEADER = `# API

What users can import, by entry point. Whatever is not listed here is internal and may change in any release; this page is written by \`npm run docs\`,
and the checks fail when it differs from the entry files, so that no name becomes public or disappears unnoticed.
`;

/** One public name. */
export interface PublicName {
  readonly name: string;
  readonly isType: boolean;
  /** First sentence of its doc comment, empty where it has none. */
  readonly summary: string;
}

/** Reads the names that an entry file re-exports; `read` gives the text of a file below the root. */
export function publicNames(entry: string, read: (path: string) => string): readonly PublicName[] {
  const exports = read(entry).matchAll(/export\s+(type\s+)?\{([^}]*)\}\s*from\s*"([^"]+)"/g);
  return [...exports].flatMap(([, typeOnly, list, from]) => {
    const target = read(posix.join(posix.dirname(entry), from));
    return list
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "")
      .map((item) => {
        const [original, name = original] = item.replace(/^type\s+/, "").split(/\s+as\s+/);
        const isType = typeOnly !== undefined || item.startsWith("type ");
        return { name, isType, summary: summaryOf(original, target) };
      });
  });
}

function summaryOf(name: string, text: string): string {
  const declaration = `export (?:declare |abstract |async )*(?:function\\*?|const|class|interface|type) ${name}\\b`;
  const comment = new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\s*${declaration}`).exec(text)?.[1] ?? "";
  const words = comment
    .replace(/^\s*\*\s?/gm, "")
    .replace(/\s+/g, " ")
    .trim();
  return /^.*?[.:](?=\s|$)/.exec(words)?.[0] ?? words;
}

/** The page of the entry points that package.json exports. */
export function apiPage(): string {
  const manifest: { exports: Record<string, unknown> } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
  const sections = Object.keys(manifest.exports)
    .map((name) => ({ name, entry: `src/${name === "." ? "index" : name.slice(2)}.ts` }))
    .filter(({ entry }) => existsSync(join(ROOT, entry)))
    .map(({ name, entry }) => section(`minicpmv${name.slice(1)}`, publicNames(entry, read)));
  return HEADER + sections.join("");
}

function section(title: string, names: readonly PublicName[]): string {
  const rows = names
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(
      ({ name, isType, summary }) =>
        `| \`${name}\` | ${isType ? "type" : "value"} | ${summary.replaceAll("|", "\\|")} |\n`,
    );
  return `\n## \`${title}\`\n\n| name | kind | |\n| --- | --- | --- |\n${rows.join("")}`;
}
