import { SchemaUnsatisfiableError, SchemaUnsupportedError } from "./errors.ts";
import type { NodeIndex } from "./program.ts";
import type { SchemaCompiler } from "./schema-compiler.ts";
import { count, has, list, requireKnown, type SchemaObject, value } from "./schema-reader.ts";

const MAX_ITEMS = 10_000;

/** An array of `minItems` to `maxItems` values, or the fixed row of `prefixItems`. */
export function arrayValue(compiler: SchemaCompiler, schema: SchemaObject, next: NodeIndex): NodeIndex {
  requireKnown(schema, ["type", "items", "minItems", "maxItems", "prefixItems"]);
  const least = count(schema, "minItems", MAX_ITEMS) ?? 0;
  const most = count(schema, "maxItems", MAX_ITEMS);
  if (most !== undefined && most < least)
    throw new SchemaUnsatisfiableError(schema.place, "maxItems is below minItems");
  if (has(schema, "prefixItems")) return tuple(compiler, schema, least, most, next);
  return items(compiler, schema, least, most, next);
}

function items(
  compiler: SchemaCompiler,
  schema: SchemaObject,
  least: number,
  most: number | undefined,
  next: NodeIndex,
): NodeIndex {
  const { program, pieces } = compiler;
  const end = program.literal("]", next);
  const rule = compiler.valueRule(value(schema, "items") ?? true, `${schema.place}.items`);
  const more = (then: NodeIndex): NodeIndex => program.literal(",", pieces.space(program.call(rule, then)));
  const close = pieces.space(end);
  const rest = program.repeat(
    more,
    Math.max(0, least - 1),
    most === undefined ? undefined : Math.max(0, most - 1),
    close,
  );
  const some = program.call(rule, rest);
  const body = most === 0 ? end : least === 0 ? program.split([some, end]) : some;
  return program.literal("[", pieces.space(body));
}

function tuple(
  compiler: SchemaCompiler,
  schema: SchemaObject,
  least: number,
  most: number | undefined,
  next: NodeIndex,
): NodeIndex {
  const { program, pieces } = compiler;
  const schemas = list(schema, "prefixItems");
  if (least > schemas.length || (most !== undefined && most < schemas.length)) {
    throw new SchemaUnsupportedError(
      schema.place,
      "prefixItems",
      "with other bounds than its own length is not supported",
    );
  }
  let node = pieces.space(program.literal("]", next));
  for (const [index, item] of [...schemas.entries()].reverse()) {
    const rule = compiler.valueRule(item, `${schema.place}.prefixItems[${index}]`);
    node = program.call(rule, node);
    if (index > 0) node = program.literal(",", pieces.space(node));
  }
  return program.literal("[", pieces.space(node));
}
