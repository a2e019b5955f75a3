import { anyJson } from "./any-json.ts";
import { SchemaFormatError, SchemaUnsatisfiableError, SchemaUnsupportedError } from "./errors.ts";
import { JsonPieces } from "./json-pieces.ts";
import { boundedInteger, boundedNumber, type NumberBounds } from "./number-range.ts";
import { type NodeIndex, Program, type RuleIndex } from "./program.ts";
import { arrayValue } from "./schema-array.ts";
import { objectValue } from "./schema-object.ts";
import { count, finite, has, isRecord, list, requireKnown, type SchemaObject, value } from "./schema-reader.ts";
import { patternString } from "./string-pattern.ts";

const MAX_INLINE_DEPTH = 100;
const MAX_STRING_LENGTH = 20_000;
const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"];

/** Turns a JSON schema into nodes of a program. */
export class SchemaCompiler {
  readonly program = new Program();
  readonly pieces = new JsonPieces(this.program);
  readonly #root: unknown;
  readonly #references = new Map<string, RuleIndex>();
  #any: RuleIndex | undefined;
  #depth = 0;

  constructor(root: unknown) {
    this.#root = root;
  }

  /** A value of `schema`. Throws SchemaFormatError, SchemaUnsupportedError, SchemaUnsatisfiableError. */
  value(schema: unknown, place: string, next: NodeIndex): NodeIndex {
    if (schema === true) return this.program.call(this.anyRule(), next);
    if (schema === false) return this.program.split([]);
    if (!isRecord(schema)) throw new SchemaFormatError(place, "expected a schema");
    if (++this.#depth > MAX_INLINE_DEPTH)
      throw new SchemaUnsupportedError(place, "nesting", `of more than ${MAX_INLINE_DEPTH} schemas is not supported`);
    const node = this.#object({ keywords: schema, place }, next);
    this.#depth--;
    return node;
  }

  /** A rule for a value of `schema`, so that it can be repeated at the cost of one node. */
  valueRule(schema: unknown, place: string): RuleIndex {
    return this.program.rule((next) => this.value(schema, place, next));
  }

  /** A rule for any JSON value. */
  anyRule(): RuleIndex {
    this.#any ??= anyJson(this.program, this.pieces).value;
    return this.#any;
  }

  #object(schema: SchemaObject, next: NodeIndex): NodeIndex {
    if (has(schema, "$ref")) return this.#reference(schema, next);
    if (has(schema, "const")) return this.#constants(schema, "const", [value(schema, "const")], next);
    if (has(schema, "enum")) return this.#constants(schema, "enum", list(schema, "enum"), next);
    for (const keyword of ["anyOf", "oneOf", "allOf"]) {
      if (has(schema, keyword)) return this.#combination(schema, keyword, next);
    }
    const types = this.#types(schema);
    if (types === undefined) {
      requireKnown(schema, []);
      return this.program.call(this.anyRule(), next);
    }
    return this.program.split(types.map((type) => this.#typed(schema, type, types, next)));
  }

  #reference(schema: SchemaObject, next: NodeIndex): NodeIndex {
    requireKnown(schema, ["$ref"]);
    const pointer = value(schema, "$ref");
    if (typeof pointer !== "string") throw new SchemaFormatError(`${schema.place}.$ref`, "expected a string");
    let rule = this.#references.get(pointer);
    if (rule === undefined) {
      const target = resolve(this.#root, pointer, schema.place);
      rule = this.program.declareRule();
      this.#references.set(pointer, rule);
      this.program.defineRule(rule, (end) => this.value(target, pointer, end));
    }
    return this.program.call(rule, next);
  }

  #constants(schema: SchemaObject, keyword: string, values: readonly unknown[], next: NodeIndex): NodeIndex {
    requireKnown(schema, [keyword, "type"]);
    if (values.length === 0) throw new SchemaUnsatisfiableError(`${schema.place}.${keyword}`, "it lists no value");
    const types = this.#types(schema);
    const allowed = values.filter((item) => types === undefined || types.some((type) => isOfType(item, type)));
    if (allowed.length === 0) throw new SchemaUnsatisfiableError(schema.place, "no listed value has the type");
    return this.program.split(allowed.map((item) => this.program.literal(JSON.stringify(item) ?? "null", next)));
  }

  /** `oneOf` is treated as `anyOf`: a grammar cannot say that a value fits one schema only. */
  #combination(schema: SchemaObject, keyword: string, next: NodeIndex): NodeIndex {
    requireKnown(schema, keyword === "allOf" ? [keyword] : [keyword, "type"]);
    const schemas = list(schema, keyword);
    const types = keyword === "allOf" ? undefined : value(schema, "type");
    if (keyword === "allOf" && schemas.length !== 1)
      throw new SchemaUnsupportedError(schema.place, "allOf", "of several schemas is not supported");
    if (schemas.length === 0) throw new SchemaUnsatisfiableError(`${schema.place}.${keyword}`, "it lists no schema");
    const nodes = schemas.map((item, index) => {
      const isUntyped =
        isRecord(item) && types !== undefined && !["type", "$ref", "const", "enum"].some((key) => key in item);
      return this.value(isUntyped ? { type: types, ...item } : item, `${schema.place}.${keyword}[${index}]`, next);
    });
    return this.program.split(nodes);
  }

  #types(schema: SchemaObject): readonly string[] | undefined {
    const found = value(schema, "type");
    if (found === undefined) return impliedType(schema);
    const types: readonly unknown[] = Array.isArray(found) ? found : [found];
    return types.map((type) => {
      if (typeof type === "string" && TYPES.includes(type)) return type;
      throw new SchemaFormatError(`${schema.place}.type`, `expected one of ${TYPES.join(", ")}`);
    });
  }

  #typed(schema: SchemaObject, type: string, types: readonly string[], next: NodeIndex): NodeIndex {
    // Keywords of another listed type say nothing about this one.
    const own = types.length === 1 ? schema : { ...schema, keywords: pick(schema.keywords, type, types) };
    switch (type) {
      case "object":
        return objectValue(this, own, next);
      case "array":
        return arrayValue(this, own, next);
      case "string":
        return this.#string(own, next);
      case "number":
      case "integer":
        return this.#number(own, type === "integer", next);
      case "boolean":
        requireKnown(own, ["type"]);
        return this.program.split([this.program.literal("true", next), this.program.literal("false", next)]);
      default:
        requireKnown(own, ["type"]);
        return this.program.literal("null", next);
    }
  }

  #string(schema: SchemaObject, next: NodeIndex): NodeIndex {
    requireKnown(schema, KEYWORDS.string);
    const least = count(schema, "minLength", MAX_STRING_LENGTH) ?? 0;
    const most = count(schema, "maxLength", MAX_STRING_LENGTH);
    if (most !== undefined && most < least)
      throw new SchemaUnsatisfiableError(schema.place, "maxLength is below minLength");
    const pattern = value(schema, "pattern");
    if (pattern === undefined) return this.pieces.string(least, most, next);
    if (typeof pattern !== "string") throw new SchemaFormatError(`${schema.place}.pattern`, "expected a string");
    if (least > 0 || most !== undefined)
      throw new SchemaUnsupportedError(schema.place, "pattern", "together with a length is not supported");
    return patternString(this.program, this.pieces, pattern, schema.place, next);
  }

  #number(schema: SchemaObject, isInteger: boolean, next: NodeIndex): NodeIndex {
    requireKnown(schema, KEYWORDS.number);
    const step = finite(schema, "multipleOf");
    if (step !== undefined && !(step === 1 && isInteger)) throw new SchemaUnsupportedError(schema.place, "multipleOf");
    const bounds = numberBounds(schema);
    const isOpen = bounds.least === undefined && bounds.most === undefined;
    if (isInteger) return isOpen ? this.pieces.integer(next) : boundedInteger(this.program, bounds, schema.place, next);
    return isOpen ? this.pieces.number(next) : boundedNumber(this.program, this.pieces, bounds, schema.place, next);
  }
}

const KEYWORDS: Readonly<Record<"string" | "number" | "object" | "array", readonly string[]>> = {
  string: ["type", "minLength", "maxLength", "pattern"],
  number: ["type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  object: ["type", "properties", "required", "additionalProperties", "propertyNames"],
  array: ["type", "items", "minItems", "maxItems", "prefixItems"],
};

function pick(keywords: SchemaObject["keywords"], type: string, types: readonly string[]): SchemaObject["keywords"] {
  const foreign = new Set(
    types.filter((other) => group(other) !== group(type)).flatMap((other) => keywordsOf(group(other))),
  );
  return Object.fromEntries(Object.entries(keywords).filter(([key]) => key === "type" || !foreign.has(key)));
}

function group(type: string): string {
  return type === "integer" ? "number" : type;
}

function keywordsOf(type: string): readonly string[] {
  return type === "string" || type === "number" || type === "object" || type === "array" ? KEYWORDS[type] : [];
}

/** A schema without `type` that has an object's or an array's keywords means one. */
function impliedType(schema: SchemaObject): readonly string[] | undefined {
  if (has(schema, "properties")) return ["object"];
  if (has(schema, "items") || has(schema, "prefixItems")) return ["array"];
  return undefined;
}

function numberBounds(schema: SchemaObject): NumberBounds {
  const least = finite(schema, "minimum");
  const most = finite(schema, "maximum");
  const above = finite(schema, "exclusiveMinimum");
  const below = finite(schema, "exclusiveMaximum");
  const isLeastExcluded = above !== undefined && (least === undefined || above >= least);
  const isMostExcluded = below !== undefined && (most === undefined || below <= most);
  return {
    least: isLeastExcluded ? above : least,
    most: isMostExcluded ? below : most,
    isLeastExcluded,
    isMostExcluded,
  };
}

function isOfType(item: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return item === null;
    case "array":
      return Array.isArray(item);
    case "object":
      return isRecord(item);
    case "integer":
      return Number.isInteger(item);
    default:
      return typeof item === type;
  }
}

/** The schema that a `$ref` inside the document names. */
function resolve(root: unknown, pointer: string, place: string): unknown {
  if (pointer !== "#" && !pointer.startsWith("#/")) {
    throw new SchemaUnsupportedError(
      place,
      "$ref",
      `to ${JSON.stringify(pointer)}, outside the schema, is not supported`,
    );
  }
  let target = root;
  for (const raw of pointer.split("/").slice(1)) {
    const key = raw.replaceAll("~1", "/").replaceAll("~0", "~");
    const isInside = typeof target === "object" && target !== null && Object.hasOwn(target, key);
    if (!isInside) throw new SchemaFormatError(place, `$ref ${JSON.stringify(pointer)} leads nowhere`);
    target = Reflect.get(Object(target), key);
  }
  return target;
}
