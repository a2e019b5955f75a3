import { MiniCpmError } from "../base/errors.ts";

/** The command line cannot be understood. */
export class UsageError extends MiniCpmError {
  constructor(problem: string, hint: string) {
    super("E_USAGE", problem, hint);
  }
}

/** Exit codes, as shells and scripts read them. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;
