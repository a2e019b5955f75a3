import { delimited } from "./any-json.ts";
import { SchemaFormatError } from "./errors.ts";
import type { NodeIndex } from "./program.ts";
import type { SchemaCompiler } from "./schema-compiler.ts";
import { has, isRecord, list, record, requireKnown, type SchemaObject, value } from "./schema-reader.ts";

/**
 * An object: the listed properties in their order, optional ones may be left out, nothing else is added. Without listed
 * properties it is a map of strings to values of `additionalProperties`.
 */
export function objectValue(compiler: SchemaCompiler, schema: SchemaObject, next: NodeIndex): NodeIndex {
  requireKnown(schema, ["type", "properties", "required", "additionalProperties", "propertyNames"]);
  const properties = Object.entries(record(schema, "properties"));
  const required = requiredNames(schema);
  const additional = value(schema, "additionalProperties") ?? true;
  for (const name of required) {
    if (!properties.some(([key]) => key === name)) properties.push([name, additional]);
  }
  if (properties.length === 0) {
    return additional === false ? compiler.program.literal("{}", next) : map(compiler, schema, additional, next);
  }
  return listed(compiler, schema, properties, required, next);
}

function requiredNames(schema: SchemaObject): ReadonlySet<string> {
  if (!has(schema, "required")) return new Set();
  return new Set(
    list(schema, "required").map((name) => {
      if (typeof name === "string") return name;
      throw new SchemaFormatError(`${schema.place}.required`, "expected an array of strings");
    }),
  );
}

function map(compiler: SchemaCompiler, schema: SchemaObject, values: unknown, next: NodeIndex): NodeIndex {
  const { program, pieces } = compiler;
  const rule = compiler.valueRule(values, `${schema.place}.additionalProperties`);
  const names = value(schema, "propertyNames");
  const key = (then: NodeIndex): NodeIndex =>
    isRecord(names)
      ? compiler.value({ type: "string", ...names }, `${schema.place}.propertyNames`, then)
      : pieces.string(0, undefined, then);
  const member = (then: NodeIndex): NodeIndex => key(program.literal(":", pieces.space(program.call(rule, then))));
  return program.literal("{", delimited(program, pieces, member, program.literal("}", next)));
}

/** Two lanes run through the properties: before the first one is written, and after it, where commas are due. */
function listed(
  compiler: SchemaCompiler,
  schema: SchemaObject,
  properties: readonly (readonly [string, unknown])[],
  required: ReadonlySet<string>,
  next: NodeIndex,
): NodeIndex {
  const { program, pieces } = compiler;
  const end = program.literal("}", next);
  let empty = end;
  let started = pieces.space(end);
  for (const [name, property] of properties.toReversed()) {
    const rule = compiler.valueRule(property, `${schema.place}.properties.${name}`);
    const member = program.literal(`${JSON.stringify(name)}:`, pieces.space(program.call(rule, started)));
    const withComma = program.literal(",", pieces.space(member));
    const isRequired = required.has(name);
    empty = isRequired ? member : program.split([member, empty]);
    started = isRequired ? withComma : program.split([withComma, started]);
  }
  return program.literal("{", pieces.space(empty));
}
