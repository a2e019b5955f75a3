import { RecipeError } from "../errors.ts";

/** A JSON object of a recipe, read field by field; a field that nobody reads is a misspelling and refused. */
export class RecipeFields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #read = new Set<string>();

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new RecipeError(path === "" ? "(whole file)" : path, "is not an object");
    this.#values = value as Readonly<Record<string, unknown>>;
    this.#path = path;
  }

  path(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  number(name: string, { least, fallback }: { readonly least: number; readonly fallback?: number }): number {
    const value = this.#take(name) ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value >= least) return value;
    return this.fail(name, `is ${JSON.stringify(value)}, not a number from ${least}`);
  }

  count(name: string, fallback?: number): number {
    const value = this.number(name, fallback === undefined ? { least: 1 } : { least: 1, fallback });
    return Number.isInteger(value) ? value : this.fail(name, `is ${value}, not a whole number`);
  }

  text(name: string, fallback?: string): string {
    const value = this.#take(name) ?? fallback;
    return typeof value === "string" ? value : this.fail(name, `is ${JSON.stringify(value)}, not text`);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#take(name) ?? fallback;
    return typeof value === "boolean" ? value : this.fail(name, `is ${JSON.stringify(value)}, not true or false`);
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const value = this.#take(name) ?? fallback;
    const found = choices.find((choice) => choice === value);
    return found ?? this.fail(name, `is ${JSON.stringify(value)}, not one of ${choices.join(", ")}`);
  }

  list(name: string, fallback?: readonly unknown[]): readonly unknown[] {
    const value = this.#take(name) ?? fallback;
    return Array.isArray(value) ? value : this.fail(name, "is not a list");
  }

  texts(name: string, fallback?: readonly string[]): readonly string[] {
    return this.list(name, fallback).map((value, i) =>
      typeof value === "string" ? value : this.fail(`${name}[${i}]`, "is not text"),
    );
  }

  object(name: string): RecipeFields {
    return new RecipeFields(this.#take(name), this.path(name));
  }

  objects(name: string): readonly RecipeFields[] {
    return this.list(name).map((value, i) => new RecipeFields(value, `${this.path(name)}[${i}]`));
  }

  /** Names of the fields there are. */
  names(): readonly string[] {
    return Object.keys(this.#values);
  }

  /** Throws RecipeError for a field that was not read. */
  finish(): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#read.has(name));
    if (unknown !== undefined) this.fail(unknown, "is not known here");
  }

  fail(name: string, problem: string): never {
    throw new RecipeError(this.path(name), problem);
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return this.#values[name];
  }
}
