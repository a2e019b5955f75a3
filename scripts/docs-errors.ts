import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ErrorClass, errorClasses } from "./error-classes.ts";

const ROOT = join(import.meta.dirname, "..");

const HEADER = `# Errors

Every error that the library throws on purpose extends \`MiniCpmError\`: \`code\` is stable and meant for programs, \`message\` names the values,
\`hint\` says what to do next. ‹…› stands for a value. This page is written by \`npm run docs\` from the classes themselves.
`;

/** Every error class of the library, by layer and then by file. */
export function allErrorClasses(): readonly ErrorClass[] {
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .toSorted();
  return files.flatMap((path) => errorClasses(`src/${path}`, readFileSync(join(ROOT, "src", path), "utf8")));
}

/** The page as it should be. */
export function errorsPage(classes: readonly ErrorClass[]): string {
  const files = [...new Set(classes.map(({ path }) => path))];
  const sections = files.map((path) => {
    const entries = classes.filter((one) => one.path === path).map(entry);
    return `\n## ${path}\n\n${entries.join("\n")}`;
  });
  return HEADER + sections.join("");
}

function entry({ name, parent, summary, code, message, hint }: ErrorClass): string {
  const lines = [
    `### ${code === undefined ? name : `\`${code}\` ${name}`}\n`,
    summary === "" ? undefined : `${summary}\n`,
  ];
  if (parent !== "MiniCpmError" && parent !== "Error") lines.push(`Is a \`${parent}\`.\n`);
  if (code !== undefined) {
    lines.push(
      `- message: ${message ?? "given where it is thrown"}`,
      `- hint: ${hint ?? "given where it is thrown"}\n`,
    );
  }
  return lines.filter((line) => line !== undefined).join("\n");
}
