import type { Command, Flags } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** The page that `minicpmv NAME --help` shows. */
export function commandHelp(command: Command, { paint }: Terminal): string {
  const lines = [
    `${command.summary}`,
    "",
    `${paint("bold", "Usage:")} minicpmv ${command.name} ${command.usage}`.trimEnd(),
    "",
    ...flagLines(command.flags),
    paint("bold", "Examples:"),
    ...command.examples.map((example) => `  ${example}`),
  ];
  return `${lines.join("\n")}\n`;
}

function flagLines(flags: Flags): string[] {
  const entries = Object.entries(flags).map(([name, flag]) => {
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    const value = flag.value === undefined ? "" : ` ${flag.value}`;
    return { left: `  ${short}--${name}${value}`, help: flag.help };
  });
  if (entries.length === 0) return [];
  const width = Math.max(...entries.map(({ left }) => left.length)) + 2;
  return ["Options:", ...entries.map(({ left, help }) => `${left.padEnd(width)}${help}`), ""];
}

/** The page that a bare `minicpmv` shows. */
export function programHelp(commands: readonly Pick<Command, "name" | "summary">[], { paint }: Terminal): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const lines = [
    "MiniCPM-V in TypeScript: asks a multimodal model about pictures, on this machine alone.",
    "",
    `${paint("bold", "Usage:")} minicpmv COMMAND [options]`,
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    "",
    "Every command has --help with examples.",
  ];
  return `${lines.join("\n")}\n`;
}
