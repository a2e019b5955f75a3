import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import {
  fieldPhrasings,
  itemNamesPhrasings,
  itemsPhrasings,
  readPhrasings,
} from "../../../recipes/pocket/data/phrasings.ts";
import {
  FIELD_QUESTIONS,
  ITEM_NAMES_QUESTION,
  ITEMS_QUESTION,
  READ_QUESTION,
} from "../../../src/chat/field-questions.ts";
import { load } from "../../../src/chat/load.ts";
import { OUT_OF_SCOPE } from "../../../src/model/minicpmv/pocket-sentences.ts";
import { loadEngine } from "../../../src/server/load-engine.ts";
import { serve } from "../../../src/server/serve.ts";
import { cli } from "../cli/run-cli.ts";
import { SAID, standInPocket } from "./stand-in.ts";

const PICTURE = fileURLToPath(new URL("../../../examples/receipt.png", import.meta.url));
const TITLE = "pocket, the built-in reader of printed text";
/** Of a picture of 408 × 592: `12,34;60:89` in thousandths. */
const BOX = "5 20 24 53";
/** Probabilities are worth half of what they say, and half is enough. */
const CALIBRATION = {
  threshold: 0.3,
  points: [
    [0, 0],
    [1, 0.5],
  ],
};

let folder = "";
let empty = "";
beforeAll(async () => {
  folder = await standInPocket({ calibration: CALIBRATION });
  empty = await mkdtemp(join(tmpdir(), "minicpmv-empty-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(empty, { recursive: true, force: true });
});

// would catch: questions in words that the model was never taught
test("every question of the reader is a phrasing of its training", () => {
  for (const [key, question] of Object.entries(FIELD_QUESTIONS)) expect(fieldPhrasings[key]).toContain(question);
  expect(itemsPhrasings).toContain(ITEMS_QUESTION);
  expect(itemNamesPhrasings).toContain(ITEM_NAMES_QUESTION);
  expect(readPhrasings).toContain(READ_QUESTION);
});

// would catch: a demonstration that hides which model speaks, shows marks instead of values, or needs a question
test.each([[["demo", PICTURE]], [["demo"]], [["run", PICTURE]], [["run", PICTURE, "What is the total?"]]])(
  "minicpmv %j reads with the built-in model and names it",
  async (args) => {
    const { code, out, notes } = await cli(args, { env: { MINICPMV_EMBEDDED: folder } });
    expect(notes).toContain(TITLE);
    expect(out).toBe("7.5\n");
    expect(notes).toMatch(/value +box in pixels +confidence/);
    if (args.length > 1) expect(notes).toMatch(new RegExp(`7\\.5 +${BOX} +\\d+ %`));
    if (args[0] === "demo") expect(notes).toMatch(/s from start to end/);
    expect(code).toBe(0);
  },
);

// would catch: a build without weights that fails without saying why, or answers from nothing
test.each([
  [["run", PICTURE], 1],
  [["serve", "--port", "0"], 1],
  [["extract", PICTURE, "--json-schema", '{"type":"object"}'], 1],
  [["demo", PICTURE], 0],
] as const)("without weights, minicpmv %j says that there is no embedded model", async (args, exit) => {
  const { code, out, notes } = await cli(args, { env: { MINICPMV_EMBEDDED: empty } });
  expect(out + notes).toContain("There is no embedded model in this build");
  expect(code).toBe(exit);
});

test("a prompt without a picture gets the fixed sentence", async () => {
  const { code, out } = await cli(["run", "-p", "Write a poem."], { env: { MINICPMV_EMBEDDED: folder } });
  expect(out).toBe(`${OUT_OF_SCOPE}\n`);
  expect(code).toBe(0);
});

// would catch: confidences that are not calibrated, boxes of the resized picture, and guesses that are shown as values
test("extract reads a schema field by field", async () => {
  await using model = await load(folder);
  const schema = z.object({ total: z.number(), date: z.string(), cups: z.number().int().optional() });
  const { value, fields, answer } = await model.extract({ image: PICTURE }, schema);
  expect(value).toEqual({ total: 7.5, date: "7.5" });
  const given = await model.complete([{ role: "user", content: [{ image: PICTURE }, "Total?"] }]);
  expect(given.text).toBe(SAID);
  const [reading] = model.readings(given);
  expect(reading.text).toBe("7.5");
  expect(fields[0].confidence).toBeCloseTo(reading.confidence, 4);
  expect(reading.confidence).toBeLessThan(0.5);
  expect(fields.map(({ isShown }) => isShown)).toEqual([true, true, false]);
  expect(
    Object.values(fields[0].box ?? {})
      .map(Math.round)
      .join(" "),
  ).toBe(BOX);
  // the picture is read once
  expect(answer.usage.reusedTokens).toBeGreaterThan(answer.usage.promptTokens / 2);
  await expect(model.extract({ image: PICTURE }, z.object({ cups: z.number().int() }))).rejects.toThrow(
    /does not show cups/,
  );
});

test("extract on the command line says what is not shown", async () => {
  const schema = '{"type":"object","properties":{"total":{"type":"number"},"cups":{"type":"integer"}}}';
  const args = ["extract", PICTURE, "--json-schema", schema];
  const { out, notes } = await cli(args, { env: { MINICPMV_EMBEDDED: folder } });
  expect(JSON.parse(out)).toEqual({ total: 7.5, cups: null });
  expect(notes).toMatch(new RegExp(`total +7\\.5 +0\\.\\d+ +${BOX}`));
  expect(notes).toMatch(/cups +not shown/);
});

// would catch: a server whose answers can be taken for MiniCPM-V's, and a schema that the reader is asked to write itself
test("the server answers under the name pocket, with a schema too", async () => {
  const loaded = await loadEngine(folder);
  const server = await serve({ port: 0, load: async () => loaded.engine });
  try {
    await server.ready;
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
    const [{ id }] = (await client.models.list()).data;
    expect(id).toBe("pocket");
    const image_url = { url: `data:image/png;base64,${(await import("node:fs")).readFileSync(PICTURE, "base64")}` };
    const content = [
      { type: "image_url", image_url },
      { type: "text", text: "What is the total?" },
    ] as const;
    const ask = (extra: object) =>
      client.chat.completions.create({
        model: id,
        messages: [
          { role: "system", content: "You are a helpful assistant." },
          { role: "user", content: [...content] },
        ],
        ...extra,
      });
    const plain = await ask({});
    expect(plain.model).toBe("pocket");
    expect(plain.choices[0].message.content).toBe(SAID);
    const schema = { type: "object", properties: { total: { type: "number" } }, required: ["total"] };
    const json = await ask({ response_format: { type: "json_schema", json_schema: { name: "r", schema } } });
    expect(JSON.parse(json.choices[0].message.content ?? "")).toEqual({ total: 7.5 });
    const words = await client.chat.completions.create({ model: id, messages: [{ role: "user", content: "Hi" }] });
    expect(words.choices[0].message.content).toBe(OUT_OF_SCOPE);
  } finally {
    await server.stop();
    await loaded[Symbol.asyncDispose]();
  }
});
