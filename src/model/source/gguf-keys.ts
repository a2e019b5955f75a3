import { CheckpointEntryError } from "../../weights/errors.ts";
import type { Metadata } from "../../weights/metadata.ts";
import { MAX_COUNT } from "../config-json.ts";

/** Look-up of one architecture's metadata keys that a model cannot do without. */
export class GgufKeys {
  readonly metadata: Metadata;
  readonly #fileName: string;
  readonly #prefix: string;

  constructor(fileName: string, metadata: Metadata, prefix: string) {
    this.#fileName = fileName;
    this.metadata = metadata;
    this.#prefix = prefix;
  }

  /** Throws CheckpointEntryError unless the key holds a finite number, or is absent with a fallback. */
  number(key: string, fallback?: number): number {
    const value = this.metadata.number(`${this.#prefix}.${key}`) ?? fallback;
    if (value === undefined || !Number.isFinite(value)) {
      throw new CheckpointEntryError(this.#fileName, `metadata key ${this.#prefix}.${key} is missing or no number`);
    }
    return value;
  }

  /** A whole number from 1 to `most`. */
  count(key: string, fallback?: number, most: number = MAX_COUNT): number {
    const value = this.number(key, fallback);
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new CheckpointEntryError(
        this.#fileName,
        `metadata key ${this.#prefix}.${key} is ${value}, not a whole number from 1 to ${most}`,
      );
    }
    return value;
  }
}
