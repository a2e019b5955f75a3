import { parseArgs } from "node:util";
import type { Arguments, Flags } from "./command.ts";
import { UsageError } from "./errors.ts";

/** Names that other tools use for the same thing. */
const ALIASES: Readonly<Record<string, string>> = {
  "--ctx-size": "--context",
  "--n-predict": "--max-tokens",
  "--predict": "--max-tokens",
  "--temperature": "--temp",
  "--repeat_penalty": "--repeat-penalty",
  "--repetition-penalty": "--repeat-penalty",
  "--top_k": "--top-k",
  "--top_p": "--top-p",
  "--min_p": "--min-p",
  "--plan": "--dry-run",
};

/** Reads a command's arguments. Throws UsageError for what it does not know. */
export function parseArguments(argv: readonly string[], flags: Flags): Arguments {
  const known = argv.map((word) => {
    const [name, ...value] = word.split("=");
    const alias = ALIASES[name];
    return alias === undefined ? word : [alias, ...value].join("=");
  });
  const { values, positionals } = parsed(known, flags);
  const texts = (flag: string): readonly string[] => {
    const value = values[flag];
    if (value === undefined || typeof value === "boolean") return [];
    return Array.isArray(value) ? value.map(String) : [value];
  };
  return {
    positionals,
    texts,
    text: (flag) => texts(flag).at(-1),
    has: (flag) => values[flag] === true,
    flag: (flag) => {
      const value = values[flag];
      return typeof value === "boolean" ? value : undefined;
    },
    number: (flag) => {
      const text = texts(flag).at(-1);
      if (text === undefined) return undefined;
      const value = Number(text);
      if (text.trim() === "" || Number.isNaN(value)) {
        throw new UsageError(`--${flag} ${JSON.stringify(text)} is not a number.`, `Write --${flag} 1, for example.`);
      }
      return value;
    },
  };
}

function parsed(argv: readonly string[], flags: Flags) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple === undefined ? {} : { multiple }) },
    ]),
  );
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, allowNegative: true });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(message.replace(/\. To specify.*$/s, "").replace(/\.?$/, "."), "See --help.");
  }
}
