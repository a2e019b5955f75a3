import { AbortedError, MiniCpmError } from "../base/errors.ts";
import { errorCode } from "../io/node/fs-helpers.ts";
import type { Command, CommandContext } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT, UsageError } from "./errors.ts";
import { commandHelp, programHelp } from "./help.ts";
import { noteError } from "./note-error.ts";
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
  // `| head` has seen enough: nobody reads the rest, and the command ends as it would on Ctrl-C
  let isRead = true;
  const onPipeError = (error: Error): void => {
    if (errorCode(error) !== "EPIPE") throw error;
    isRead = false;
    abort.abort();
  };
  process.on("SIGINT", onInterrupt);
  process.stdout.on("error", onPipeError);
  try {
    const command = await load();
    if (rest.includes("--help") || rest.includes("-h")) {
      terminal.out(commandHelp(command, terminal));
      return EXIT.done;
    }
    const context: CommandContext = { terminal, env: process.env, signal: abort.signal };
    return await command.run(parseArguments(rest, command.flags), context);
  } catch (error) {
    return isRead ? explain(error, terminal) : EXIT.done;
  } finally {
    process.off("SIGINT", onInterrupt);
    // the listener of stdout stays: what was written last may fail later
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
    noteError(error, terminal);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
  const code = errorCode(error);
  if (error instanceof Error && "syscall" in error && code !== undefined) {
    // a file or a disk, not a bug: the system's own words are clear enough
    terminal.note(`${terminal.paint("red", "Error:")} ${error.message.replace(`${code}: `, "")} (${code}).`);
    terminal.note("Check the path, its permissions and the free space.");
    return EXIT.failed;
  }
  terminal.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return EXIT.failed;
}
