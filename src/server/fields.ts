import { invalid } from "./errors.ts";

export interface NumberRange {
  readonly least: number;
  readonly most: number;
  readonly isWhole?: boolean;
}

/** Reads a JSON object field by field; what is wrong is told with its path. `null` counts as absent, as OpenAI has it. */
export class Fields {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /** Throws RequestError where `value` is no object. */
  constructor(value: unknown, path = "") {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw invalid(path || undefined, `${path || "The body"} is ${kindOf(value)}.`, "Send a JSON object.");
    }
    this.path = path;
    this.#values = value as Readonly<Record<string, unknown>>; // an object that is no array has string keys
  }

  at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  /** The value, unread; undefined where absent or null. */
  raw(name: string): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    return value === null ? undefined : value;
  }

  text(name: string): string | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === "string") return value;
    throw this.#wrong(name, value, "a string");
  }

  requiredText(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw this.missing(name, "a string");
    return value;
  }

  flag(name: string): boolean | undefined {
    const value = this.raw(name);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.#wrong(name, value, "true or false");
  }

  number(name: string, range: NumberRange): number | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    const { least, most, isWhole = false } = range;
    const isFine =
      typeof value === "number" && value >= least && value <= most && (!isWhole || Number.isInteger(value));
    if (isFine) return value;
    throw this.#wrong(name, value, `a ${isWhole ? "whole " : ""}number from ${least} to ${most}`);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.text(name);
    const found = values.find((candidate) => candidate === value);
    if (value === undefined || found !== undefined) return found;
    throw this.#wrong(name, value, `one of ${values.join(", ")}`);
  }

  object(name: string): Fields | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : new Fields(value, this.at(name));
  }

  list<T>(name: string, read: (value: unknown, path: string) => T): readonly T[] | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#wrong(name, value, "a list");
    return value.map((item: unknown, i) => read(item, `${this.at(name)}[${i}]`));
  }

  /** A string or a list of strings, as a list. */
  texts(name: string): readonly string[] | undefined {
    const value = this.raw(name);
    if (typeof value === "string") return [value];
    return this.list(name, (item, path) => {
      if (typeof item === "string") return item;
      throw invalid(path, `${path} is ${kindOf(item)}.`, "Send a string.");
    });
  }

  missing(name: string, wanted: string): Error {
    return invalid(this.at(name), `${this.at(name)} is missing.`, `Send ${wanted}.`, "missing_field");
  }

  #wrong(name: string, value: unknown, wanted: string): Error {
    return invalid(this.at(name), `${this.at(name)} is ${kindOf(value)}.`, `Send ${wanted}.`);
  }
}

const SHOWN_LENGTH = 40;

/** A value in a few words, cut short: bodies hold whole pictures. */
export function kindOf(value: unknown): string {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}
