import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { MiniCpmError } from "../../base/errors.ts";
import { type Random, seededRandom } from "../../base/random.ts";
import { compileSchema, jsonObjectGrammar } from "./compile-schema.ts";
import { SchemaFormatError, SchemaUnsatisfiableError, SchemaUnsupportedError } from "./errors.ts";
import type { Grammar, GrammarState } from "./grammar.ts";

/** Whether the whole text is in the language. */
function matches(grammar: Grammar, text: string): boolean {
  return grammar.start.advance(text)?.isComplete ?? false;
}

/** A text that the grammar allows, byte by byte at random; from `hurry` bytes on it closes what it can. */
function randomText(grammar: Grammar, random: Random, hurry: number): string {
  const bytes: number[] = [];
  let state: GrammarState = grammar.start;
  while (!state.isFinal && !(state.isComplete && random.below(3) === 0)) {
    const options = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => state.next(byte) !== undefined);
    if (options.length === 0)
      throw new Error(`dead end after ${JSON.stringify(new TextDecoder().decode(Uint8Array.from(bytes)))}`);
    const closing = options.filter((byte) => '"]}0'.includes(String.fromCharCode(byte)));
    const choice = bytes.length > hurry && closing.length > 0 ? closing : options;
    const byte = choice[random.below(choice.length)];
    bytes.push(byte);
    state = state.next(byte) ?? state;
    if (bytes.length > 50_000) throw new Error("the walk does not end");
  }
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

interface Tree {
  name: string;
  children: Tree[];
}
const Tree: z.ZodType<Tree> = z.object({
  name: z.string().max(4),
  get children() {
    return z.array(Tree).max(3);
  },
});

const schemas: Record<string, z.ZodType> = {
  "object with optional properties": z.strictObject({
    a: z.string(),
    b: z.number().optional(),
    c: z.boolean().optional(),
    d: z.null(),
    'quo"ted \\ key é': z.int().optional(),
  }),
  "only optional properties": z.strictObject({ a: z.int().optional(), b: z.int().optional() }),
  "bounded strings": z.object({
    s: z.string().min(2).max(5),
    t: z.string().max(0),
    u: z.string().length(3),
    v: z.string().min(1),
  }),
  "bounded integers": z
    .array(z.union([z.int().min(-17).max(1234), z.int().positive(), z.int().max(-5), z.int().gt(3).lt(5)]))
    .min(1),
  "bounded numbers": z
    .array(
      z.union([
        z.number().min(0).max(1),
        z.number().gt(-2.5).lt(0.25),
        z.number().min(0.1).max(0.2),
        z.number().gt(99),
      ]),
    )
    .min(2),
  arrays: z.object({
    a: z.array(z.int()).min(2).max(3),
    b: z.array(z.boolean()).max(0),
    c: z.array(z.null()).length(1),
    d: z.array(z.string()),
  }),
  "enums and constants": z.object({
    e: z.enum(["red", "green", 'q"\\\n', "é🎉"]),
    c: z.literal(3),
    n: z.literal(null),
    f: z.literal([1, "x", true]),
  }),
  unions: z.union([
    z.string(),
    z.object({ kind: z.literal("a"), x: z.int() }),
    z.object({ kind: z.literal("b"), y: z.array(z.string()) }),
  ]),
  nullable: z.object({ a: z.string().nullable(), b: z.int().nullish() }),
  recursion: Tree,
  maps: z.record(z.string().max(3), z.array(z.int().max(9).min(0))),
  tuples: z.tuple([z.string(), z.int(), z.boolean()]),
  patterns: z.object({
    zip: z.string().regex(/^\d{5}(-\d{4})?$/),
    free: z.string().regex(/^[A-F]+x/),
    odd: z.string().regex(/^(?:a|["\\\n]|[^ -~]|[\w.-]{2,3})+$/),
    date: z.iso.date(),
  }),
  anything: z.object({ x: z.any(), y: z.looseObject({}) }),
};

describe.each(Object.entries(schemas))("%s", (_, schema) => {
  const grammar = compileSchema(z.toJSONSchema(schema));

  // Catches text that is no JSON or breaks the schema, dead ends, half characters.
  test("every text of a random walk is valid", () => {
    for (let seed = 1; seed <= 120; seed++) {
      const text = randomText(grammar, seededRandom(seed), seed);
      const result = schema.safeParse(JSON.parse(text));
      expect(result.success, `seed ${seed}: ${text} ${result.error?.message}`).toBe(true);
    }
  });

  test("a text of a random walk is accepted when written compactly", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const value: unknown = JSON.parse(randomText(grammar, seededRandom(seed), seed));
      const text = JSON.stringify(value);
      // Exponents and escapes that JSON.stringify rewrites may fall outside what bounded numbers allow.
      if (/e[+-]?\d/i.test(text) || !hasPlainNumbers(value)) continue;
      expect(matches(grammar, text), text).toBe(true);
    }
  });
});

function hasPlainNumbers(value: unknown): boolean {
  return !/-0(?!\.)|__proto__/.test(JSON.stringify(value)) && !/\d{16}/.test(JSON.stringify(value));
}

describe("accepts", () => {
  test.each([
    [
      { type: "integer", minimum: 7, maximum: 121 },
      ["7", "9", "10", "99", "100", "121"],
      ["6", "122", "07", "-7", "1e1", "7.0"],
    ],
    [{ type: "integer", minimum: -12, maximum: 3 }, ["-12", "-1", "0", "3"], ["-13", "4", "-0", "-01"]],
    [{ type: "number", minimum: 0, maximum: 1 }, ["0", "0.5", "0.999999", "1", " 1"], ["1.1", "-0.1", "1.001", "2"]],
    [{ type: "number", exclusiveMinimum: 0 }, ["0.01", "1", "5.25"], ["0", "-1"]],
    [{ type: ["string", "null"], maxLength: 2 }, ['"ab"', "null", '"🎉"', '"\\u00e9x"'], ['"abc"', '"🎉a"', "1"]],
    [
      { type: "array", items: { type: "integer" }, minItems: 1 },
      ["[1]", "[1, 2]", "[\n  1,\n  2\n]"],
      ["[]", "[1,]", "[,1]"],
    ],
    [{ enum: [1, "a", null] }, ["1", '"a"', "null"], ["2", '"b"']],
    [{ type: "string", pattern: "^a|b$" }, ['"ax"', '"xb"'], ['"xa"', '"bx"']],
    [{ type: "string", pattern: "[A-F]+x" }, ['"Ax"', '"zzBAx\\n"'], ['"A"', '"gx"', '"Ax']],
    [true, ["{}", '[1,{"a":[]}]', "-1.5e3", '"x"'], ["{", "nul", "01"]],
    [
      { $ref: "#/$defs/a", $defs: { a: { type: "array", items: { $ref: "#/$defs/a" } } } },
      ["[]", "[[],[[]]]"],
      ["[1]"],
    ],
  ])("%j", (schema, good, bad) => {
    const grammar = compileSchema(schema);
    for (const text of good) expect(matches(grammar, text), text).toBe(true);
    for (const text of bad) expect(matches(grammar, text), text).toBe(false);
  });

  test("any JSON object in json_object mode", () => {
    const grammar = jsonObjectGrammar();
    for (const text of ["{}", '{"a": [1, 2.5, {"b": null}]}', '{\n  "x": "\\n\\u20ac €"\n}'])
      expect(matches(grammar, text)).toBe(true);
    for (const text of ["[]", '{"a"}', '{"a":1,}', '{"\\ud800":1}']) expect(matches(grammar, text)).toBe(false);
    for (let seed = 1; seed <= 200; seed++) {
      expect(typeof JSON.parse(randomText(grammar, seededRandom(seed), 4 * seed)), `seed ${seed}`).toBe("object");
    }
  });
});

describe("refuses with a typed error", () => {
  test.each([
    [{ type: "string", not: {} }, "not"],
    [{ type: "array", uniqueItems: true }, "uniqueItems"],
    [{ type: "string", pattern: "(?=a)" }, "pattern"],
    [{ type: "string", pattern: "a", maxLength: 3 }, "pattern"],
    [{ type: "number", multipleOf: 0.1 }, "multipleOf"],
    [{ $ref: "https://example.org/x.json" }, "$ref"],
    [{ allOf: [{}, {}] }, "allOf"],
    [{ properties: { a: { if: {} } } }, "if"],
  ])("%j names the keyword", (schema, keyword) => {
    expect(() => compileSchema(schema)).toThrow(SchemaUnsupportedError);
    expect(() => compileSchema(schema)).toThrow(JSON.stringify(keyword));
  });

  test.each([
    [false],
    [{ enum: [] }],
    [{ type: "integer", minimum: 0.2, maximum: 0.8 }],
    [{ type: "number", exclusiveMinimum: 1, maximum: 1 }],
    [{ type: "string", minLength: 3, maxLength: 2 }],
    [{ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }],
    [{ $ref: "#" }],
    [{ type: "array", items: false, minItems: 1 }],
    [{ type: "string", pattern: "^[]$" }],
  ])("%j is unsatisfiable", (schema) => {
    expect(() => compileSchema(schema)).toThrow(SchemaUnsatisfiableError);
  });

  test.each([
    [null],
    [3],
    [{ type: "text" }],
    [{ $ref: "#/nowhere" }],
    [{ type: "string", maxLength: -1 }],
    [{ anyOf: 3 }],
  ])("%j is malformed", (schema) => {
    expect(() => compileSchema(schema)).toThrow(SchemaFormatError);
  });
});

// Catches a crash, a hang or memory without bound on a damaged schema.
test("any value compiles as a schema or is refused with a typed error", () => {
  const key = fc.constantFrom(
    "type",
    "properties",
    "items",
    "anyOf",
    "enum",
    "$ref",
    "required",
    "maxLength",
    "minItems",
    "pattern",
    "minimum",
    "maximum",
    "additionalProperties",
    "a",
  );
  const leaf = fc.constantFrom<unknown>(
    "object",
    "array",
    "string",
    "integer",
    "#",
    "#/a",
    "^a{2,}|[b-d]",
    0,
    3,
    -1,
    1e9,
    true,
    false,
    null,
    [],
  );
  const { schema } = fc.letrec((tie) => ({
    schema: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie("schema"), { maxLength: 3 }),
      fc.dictionary(key, tie("schema"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(schema, fc.nat(), (candidate, seed) => {
      try {
        const grammar = compileSchema(candidate);
        JSON.parse(randomText(grammar, seededRandom(seed), 20));
      } catch (error) {
        expect(error).toBeInstanceOf(MiniCpmError);
      }
    }),
    { numRuns: 1500 },
  );
});

// Catches a recursion without end: at the depth limit only ways back out are left.
test("recursion stops at the depth limit and can always be finished", () => {
  const grammar = compileSchema(
    { $ref: "#/$defs/a", $defs: { a: { type: "array", items: { $ref: "#/$defs/a" } } } },
    { maxDepth: 10 },
  );
  let depth = 0;
  let state: GrammarState | undefined = grammar.start;
  for (let next: GrammarState | undefined = state; next !== undefined; next = state.advance("[")) {
    state = next;
    depth++;
  }
  expect(depth).toBeGreaterThan(3);
  expect(depth).toBeLessThan(12);
  expect(state.advance("]".repeat(depth - 1))?.isComplete).toBe(true);
});
