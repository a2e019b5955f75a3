import { expect, test } from "vitest";
import { boxedSchema, unboxed } from "./boxed-schema.ts";
import { compileSchema } from "./constrained/compile-schema.ts";

const SCHEMA = {
  type: "object",
  properties: {
    shop: { type: "string" },
    box: { enum: ["a", "b"] },
    items: { type: "array", items: { type: "integer" } },
  },
  required: ["shop", "box", "items"],
  additionalProperties: false,
};

// catches leaves that are left without a place, and a schema that constrained output cannot follow
test("every leaf gets a value and a box, and the result still compiles", () => {
  const boxed = boxedSchema(SCHEMA) as {
    properties: Record<string, { required?: unknown; items?: { required: unknown } }>;
  };
  expect(boxed.properties.shop.required).toEqual(["value", "box"]);
  expect(boxed.properties.items.items?.required).toEqual(["value", "box"]);
  expect(() => compileSchema(boxed)).not.toThrow();
});

// catches boxes that end up in the value, or under the path of a neighbour; one of the user's own keys is called box
test("taking the boxes off gives the plain value and each box its path", () => {
  const found: unknown[] = [];
  const value = unboxed(
    SCHEMA,
    {
      shop: { value: "x", box: [1, 2, 3, 4] },
      box: { value: "a", box: null },
      items: [
        { value: 7, box: null },
        { value: 8, box: [5, 6, 7, 8] },
      ],
    },
    (path, box) => found.push([path.join("."), box]),
  );
  expect(value).toEqual({ shop: "x", box: "a", items: [7, 8] });
  expect(found).toEqual([
    ["shop", [1, 2, 3, 4]],
    ["items.1", [5, 6, 7, 8]],
  ]);
});
