import { SchemaFormatError, SchemaUnsupportedError } from "./errors.ts";

/** A JSON schema that is an object, with its place in the file. */
export interface SchemaObject {
  readonly keywords: Readonly<Record<string, unknown>>;
  readonly place: string;
}

// Say nothing about which values are valid, or are hints that a grammar cannot use.
const ANNOTATIONS = new Set(
  "title description default examples $schema $id $comment $anchor deprecated readOnly writeOnly $defs definitions format contentEncoding contentMediaType id".split(
    " ",
  ),
);

/** Throws SchemaUnsupportedError for a keyword that is neither an annotation nor in `known`. */
export function requireKnown(schema: SchemaObject, known: readonly string[]): void {
  for (const keyword of Object.keys(schema.keywords)) {
    if (schema.keywords[keyword] === undefined || ANNOTATIONS.has(keyword) || known.includes(keyword)) continue;
    throw new SchemaUnsupportedError(schema.place, keyword);
  }
}

/** True where a keyword is given. */
export function has(schema: SchemaObject, keyword: string): boolean {
  return Object.hasOwn(schema.keywords, keyword) && schema.keywords[keyword] !== undefined;
}

export function value(schema: SchemaObject, keyword: string): unknown {
  return has(schema, keyword) ? schema.keywords[keyword] : undefined;
}

/** A whole number of at least zero. */
export function count(schema: SchemaObject, keyword: string, limit: number): number | undefined {
  const found = value(schema, keyword);
  if (found === undefined) return undefined;
  if (typeof found !== "number" || !Number.isInteger(found) || found < 0) {
    throw new SchemaFormatError(`${schema.place}.${keyword}`, "expected a whole number of at least zero");
  }
  if (found > limit) throw new SchemaUnsupportedError(schema.place, keyword, `of more than ${limit} is not supported`);
  return found;
}

export function finite(schema: SchemaObject, keyword: string): number | undefined {
  const found = value(schema, keyword);
  if (found === undefined) return undefined;
  if (typeof found !== "number" || !Number.isFinite(found)) {
    throw new SchemaFormatError(`${schema.place}.${keyword}`, "expected a number");
  }
  return found;
}

export function list(schema: SchemaObject, keyword: string): readonly unknown[] {
  const found = value(schema, keyword);
  if (!Array.isArray(found)) throw new SchemaFormatError(`${schema.place}.${keyword}`, "expected an array");
  return found;
}

/** An object of named schemas; absent counts as empty. */
export function record(schema: SchemaObject, keyword: string): Readonly<Record<string, unknown>> {
  const found = value(schema, keyword) ?? {};
  if (!isRecord(found)) throw new SchemaFormatError(`${schema.place}.${keyword}`, "expected an object");
  return found;
}

export function isRecord(found: unknown): found is Readonly<Record<string, unknown>> {
  return typeof found === "object" && found !== null && !Array.isArray(found);
}
