import { AbortedError, MiniCpmError } from "../base/errors.ts";
import type { Command, CommandContext } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT, UsageError } from "./errors.ts";
import { commandHelp, programHelp } from "./help.ts";
import { parseArguments } from "./parse-arguments.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** Runs one command line and gives the exit code. Ctrl-C cancels the command; a second one ends the process. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") return showHelp(rest[0], terminal);
  if (name === "--version" || name === "-v") return showVersion(terminal);
  const load = COMMANDS[name];
  if (load === undefined) {
    terminal.note(`There is no command ${JSON.stringify(name)}. minicpmv --help lists them.`);
    return EXIT.usage;
  }
  const abort = new AbortController();
  const onInterrupt = (): void => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    abort.abort();
  };
  process.on("SIGINT", onInterrupt);
  try {
    const command = await load();
    if (rest.includes("--help") || rest.includes("-h")) {
      terminal.out(commandHelp(command, terminal));
      return EXIT.done;
    }
    const context: CommandContext = { terminal, env: process.env, signal: abort.signal };
    return await command.run(parseArguments(rest, command.flags), context);
  } catch (error) {
    return explain(error, terminal);
  } finally {
    process.off("SIGINT", onInterrupt);
    terminal.clearProgress();
  }
}

async function showHelp(name: string | undefined, terminal: Terminal): Promise<number> {
  const load = name === undefined ? undefined : COMMANDS[name];
  if (load !== undefined) {
    terminal.out(commandHelp(await load(), terminal));
    return EXIT.done;
  }
  const commands: Command[] = [];
  for (const each of Object.values(COMMANDS)) commands.push(await each());
  terminal.out(programHelp(commands, terminal));
  return EXIT.done;
}

async function showVersion(terminal: Terminal): Promise<number> {
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  const { version }: { version: string } = JSON.parse(text);
  terminal.out(`minicpmv ${version}\n`);
  return EXIT.done;
}

/** Says what went wrong in words; the stack only for what is a bug. */
function explain(error: unknown, terminal: Terminal): number {
  if (error instanceof AbortedError || (error instanceof Error && error.name === "AbortError")) {
    terminal.note("Cancelled.");
    return EXIT.interrupted;
  }
  if (error instanceof MiniCpmError) {
    const what = error.message.slice(0, error.message.length - error.hint.length).trim();
    terminal.note(`${terminal.paint("red", "Error:")} ${what}`);
    terminal.note(error.hint);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
  terminal.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failed;
}
