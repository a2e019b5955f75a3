import { MiniCpmError } from "../base/errors.ts";

/** config.json lacks an entry, or holds one of another type. */
export class ConfigError extends MiniCpmError {
  constructor(key: string, expected: string, found: unknown) {
    const shown = found === undefined ? "is missing" : `is ${JSON.stringify(found)}`;
    super(
      "E_CONFIG",
      `config.json: "${key}" ${shown}; expected ${expected}.`,
      "Take config.json from the same release as the weights.",
    );
  }
}

/** Largest size or count that a file may claim. */
export const MAX_COUNT = 2 ** 24;
/** Most layers, and widest head: a file that claims more would be recorded for minutes before its weights are missed. */
export const MAX_LAYERS = 1024;
export const MAX_HEAD_WIDTH = 4096;

/** Typed look-up in a parsed config.json. */
export class ConfigJson {
  readonly #entries: Readonly<Record<string, unknown>>;
  readonly #path: string;

  /** Throws ConfigError when `value` is no object. */
  constructor(value: unknown, path = "") {
    if (!isRecord(value)) throw new ConfigError(path === "" ? "(whole file)" : path, "an object", value);
    this.#entries = value;
    this.#path = path;
  }

  has(key: string): boolean {
    return this.#entries[key] !== undefined && this.#entries[key] !== null;
  }

  object(key: string): ConfigJson {
    return new ConfigJson(this.#entries[key], this.#name(key));
  }

  /** Throws ConfigError unless the entry is a finite number, or absent with a fallback. */
  number(key: string, fallback?: number): number {
    const value = this.#entries[key] ?? fallback;
    if (typeof value !== "number" || !Number.isFinite(value)) throw new ConfigError(this.#name(key), "a number", value);
    return value;
  }

  /** A whole number from 1 to `most`: sizes and counts. */
  count(key: string, fallback?: number, most: number = MAX_COUNT): number {
    const value = this.number(key, fallback);
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new ConfigError(this.#name(key), `a whole number from 1 to ${most}`, value);
    }
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#entries[key] ?? fallback;
    if (typeof value !== "boolean") throw new ConfigError(this.#name(key), "true or false", value);
    return value;
  }

  string(key: string, fallback?: string): string {
    const value = this.#entries[key] ?? fallback;
    if (typeof value !== "string") throw new ConfigError(this.#name(key), "a string", value);
    return value;
  }

  numbers(key: string): readonly number[] {
    const value = this.#entries[key];
    if (!Array.isArray(value) || !value.every((item) => typeof item === "number")) {
      throw new ConfigError(this.#name(key), "a list of numbers", value);
    }
    return value;
  }

  /** The entry as it stands, for values that come in several types. */
  raw(key: string): unknown {
    return this.#entries[key];
  }

  #name(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
