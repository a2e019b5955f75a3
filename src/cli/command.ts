import type { Terminal } from "./terminal.ts";

/** One option of a command, for parsing and for its help. */
export interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in the help: "N", "FILE". */
  readonly value?: string;
  readonly help: string;
}

export type Flags = Readonly<Record<string, Flag>>;

/** Parsed arguments of one command. */
export interface Arguments {
  readonly positionals: readonly string[];
  text(flag: string): string | undefined;
  texts(flag: string): readonly string[];
  has(flag: string): boolean;
  /** True, false for its --no- form, undefined where it was not written. */
  flag(flag: string): boolean | undefined;
  /** Throws UsageError where the value is no number. */
  number(flag: string): number | undefined;
}

/** What a command is given besides its arguments. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A command of the program: one file each. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** What follows "minicpmv NAME" in the help. */
  readonly usage: string;
  readonly flags: Flags;
  readonly examples: readonly string[];
  /** Gives the exit code. */
  run(args: Arguments, context: CommandContext): Promise<number>;
}
