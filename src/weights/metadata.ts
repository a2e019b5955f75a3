import type { StringList } from "../base/string-list.ts";
import { CheckpointEntryError } from "./errors.ts";
import type { GgufNumbers, GgufValue } from "./gguf/value.ts";

/** Typed look-up in a checkpoint's metadata. Each getter gives undefined for an absent key and throws for another type. */
export class Metadata {
  readonly #values: Map<string, GgufValue>;
  readonly #fileName: string;

  constructor(fileName: string, values: ReadonlyMap<string, GgufValue>) {
    this.#fileName = fileName;
    this.#values = new Map(values);
  }

  get values(): ReadonlyMap<string, GgufValue> {
    return this.#values;
  }

  /** Lets go of a value that was taken over in another form: the merge rules of a vocabulary have megabytes. */
  forget(key: string): void {
    this.#values.delete(key);
  }

  string(key: string): string | undefined {
    const entry = this.values.get(key);
    if (entry === undefined) return undefined;
    if (entry.type !== "string") throw this.#wrongType(key, entry, "a string");
    return entry.value;
  }

  /** A number of any width; 64-bit integers must be safe ones. */
  number(key: string): number | undefined {
    const entry = this.values.get(key);
    if (entry === undefined) return undefined;
    if (entry.type === "string" || entry.type === "bool" || entry.type === "array") {
      throw this.#wrongType(key, entry, "a number");
    }
    const value = Number(entry.value);
    if (typeof entry.value === "bigint" && !Number.isSafeInteger(value)) throw this.#wrongType(key, entry, "a number");
    return value;
  }

  boolean(key: string): boolean | undefined {
    const entry = this.values.get(key);
    if (entry === undefined) return undefined;
    if (entry.type !== "bool") throw this.#wrongType(key, entry, "a boolean");
    return entry.value;
  }

  strings(key: string): StringList | undefined {
    const entry = this.values.get(key);
    if (entry === undefined) return undefined;
    if (entry.type !== "array" || entry.array.type !== "string")
      throw this.#wrongType(key, entry, "an array of strings");
    return entry.array.values;
  }

  /** An array of numbers of at most 32 bits or f64. */
  numbers(key: string): GgufNumbers | undefined {
    const entry = this.values.get(key);
    if (entry === undefined) return undefined;
    if (entry.type === "array") {
      const { array } = entry;
      switch (array.type) {
        case "string":
        case "bool":
        case "array":
        case "u64":
        case "i64":
          break;
        default:
          return array.values;
      }
    }
    throw this.#wrongType(key, entry, "an array of numbers");
  }

  #wrongType(key: string, entry: GgufValue, expected: string): CheckpointEntryError {
    const found = entry.type === "array" ? `an array of ${entry.array.type}` : `${entry.type} ${entry.value}`;
    return new CheckpointEntryError(this.#fileName, `metadata key ${key} is ${found.slice(0, 80)}, not ${expected}`);
  }
}
