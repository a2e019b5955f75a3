import { TokenizerFormatError } from "./errors.ts";

/** A JSON value together with its place in the file, read with typed errors. */
export class JsonReader {
  readonly value: unknown;
  readonly place: string;

  constructor(value: unknown, place: string) {
    this.value = value;
    this.place = place;
  }

  get isAbsent(): boolean {
    return this.value === undefined || this.value === null;
  }

  fail(problem: string): never {
    throw new TokenizerFormatError(this.place, problem);
  }

  /** Own property only: a file must not reach an object's prototype. */
  at(key: string): JsonReader {
    const owner = this.record();
    return new JsonReader(Object.hasOwn(owner, key) ? owner[key] : undefined, `${this.place}.${key}`);
  }

  record(): Readonly<Record<string, unknown>> {
    const value = this.value;
    if (!isRecord(value)) return this.fail(`expected an object, found ${describe(value)}`);
    return value;
  }

  entries(): JsonReader[] {
    if (!Array.isArray(this.value)) return this.fail(`expected an array, found ${describe(this.value)}`);
    return this.value.map((value: unknown, index) => new JsonReader(value, `${this.place}[${index}]`));
  }

  /** Absent counts as an empty array. */
  optionalEntries(): JsonReader[] {
    return this.isAbsent ? [] : this.entries();
  }

  string(): string {
    if (typeof this.value !== "string") return this.fail(`expected a string, found ${describe(this.value)}`);
    return this.value;
  }

  optionalString(): string | undefined {
    return this.isAbsent ? undefined : this.string();
  }

  boolean(whenAbsent: boolean): boolean {
    if (this.isAbsent) return whenAbsent;
    if (typeof this.value !== "boolean") return this.fail(`expected true or false, found ${describe(this.value)}`);
    return this.value;
  }

  /** A whole number in [0, below). */
  index(below: number): number {
    const value = this.value;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= below) {
      return this.fail(`expected a whole number from 0 to ${below - 1}, found ${describe(value)}`);
    }
    return value;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
