/** A JSON schema as this module walks it. */
type Schema = Readonly<Record<string, unknown>>;

const BOX: Schema = {
  anyOf: [
    { type: "null" },
    { type: "array", items: { type: "integer", minimum: 0, maximum: 1000 }, minItems: 4, maxItems: 4 },
  ],
};
const LEAF_TYPES = ["string", "number", "integer", "boolean"];

/** The schema with each leaf as { value, box }: the model says where it read what. */
export function boxedSchema(schema: unknown): unknown {
  if (!isRecord(schema)) return schema;
  if (isLeaf(schema)) {
    return {
      type: "object",
      properties: { value: schema, box: BOX },
      required: ["value", "box"],
      additionalProperties: false,
    };
  }
  const { properties, items } = schema;
  return {
    ...schema,
    ...(isRecord(properties)
      ? { properties: Object.fromEntries(Object.entries(properties).map(([key, each]) => [key, boxedSchema(each)])) }
      : {}),
    ...(isRecord(items) ? { items: boxedSchema(items) } : {}),
  };
}

function isLeaf(schema: Schema): boolean {
  return "enum" in schema || "const" in schema || LEAF_TYPES.includes(String(schema.type));
}

/** A value of the boxed schema without its boxes. `onBox` learns where each leaf stood. */
export function unboxed(
  schema: unknown,
  value: unknown,
  onBox: (path: readonly (string | number)[], box: readonly number[]) => void,
  path: readonly (string | number)[] = [],
): unknown {
  if (!isRecord(schema)) return value;
  if (isLeaf(schema)) {
    if (!isRecord(value)) return value;
    if (Array.isArray(value.box)) onBox(path, value.box.map(Number));
    return value.value;
  }
  if (Array.isArray(value)) return value.map((each, i) => unboxed(schema.items, each, onBox, [...path, i]));
  const { properties } = schema;
  if (!isRecord(value) || !isRecord(properties)) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, each]) => [key, unboxed(properties[key], each, onBox, [...path, key])]));
}

function isRecord(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
