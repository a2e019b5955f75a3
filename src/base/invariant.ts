import { InvariantError } from "./errors.ts";

/** Narrows away `undefined` and `null` where a bug alone could bring them. Throws InvariantError. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new InvariantError(`${what} is missing.`);
  return value;
}

/** Throws InvariantError unless `condition` holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks the branch of an exhaustive switch that cannot be reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected value ${JSON.stringify(value)}.`);
}
