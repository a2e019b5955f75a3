import { expect, test } from "vitest";
import { NOT_SHOWN, OUT_OF_SCOPE } from "../model/minicpmv/pocket-sentences.ts";
import type { Answer } from "./answer.ts";
import { type Calibration, UNCALIBRATED } from "./calibration.ts";
import { namedPlaces, placesInFile } from "./grounding.ts";
import { readFields } from "./read-fields.ts";

const READER = { id: "pocket", outOfScope: OUT_OF_SCOPE, notShown: NOT_SHOWN };
const FILE = { stored: { width: 1000, height: 1000 }, orientation: 1 } as const;

/** An answer of one token a character, each of this probability. */
function answer(text: string, probability: number): Answer {
  const logProbability = Math.log(probability);
  return {
    text,
    thinking: "",
    finishReason: "stop",
    places: placesInFile(namedPlaces(text), FILE),
    tokens: Array.from(text, (each, id) => ({ id, text: each, logProbability, top: [] })),
    logProbability: logProbability * (text.length + 1),
    usage: { promptTokens: 0, reusedTokens: 0, pictureTokens: 0, completionTokens: 0 },
    timings: { preprocessMs: 0, encodeMs: 0, prefillMs: 0, decodeMs: 0, firstTokenMs: 0, tokensPerSecond: 0 },
  };
}

function reader(answers: Readonly<Record<string, string>>, calibration: Calibration = UNCALIBRATED) {
  const asked: string[] = [];
  const ask = async (question: string): Promise<Answer> => {
    asked.push(question);
    return answer(answers[question] ?? NOT_SHOWN, 0.99);
  };
  return { asked, fieldReader: { reader: READER, calibration, ask } };
}

// would catch: questions that the model was never taught, values of the wrong type, and "not shown" read as a text
test("each property is asked for in the reader's own words and read as its type", async () => {
  const { asked, fieldReader } = reader({
    "What is the total?": "12.99<box>612 803 771 826</box>",
    "What is the date?": "3 May 2024<box>1 2 3 4</box>",
    "What is the pump?": "4",
  });
  const schema = {
    type: "object",
    properties: {
      grand_total: { type: "number" },
      seller: { type: "object", properties: { phone: { type: "string" } } },
      date: { anyOf: [{ type: "string" }, { type: "null" }] },
      pump: { $ref: "#/$defs/pump" },
    },
    $defs: { pump: { type: "integer" } },
  };
  const { value, fields } = await readFields(fieldReader, schema);
  expect(asked).toEqual(["What is the total?", "What is the phone number?", "What is the date?", "What is the pump?"]);
  expect(value).toEqual({ grand_total: 12.99, seller: { phone: null }, date: "3 May 2024", pump: 4 });
  expect(fields.map(({ isShown }) => isShown)).toEqual([true, false, true, true]);
  expect(fields[0].box).toEqual({ x0: 612, y0: 803, x1: 771, y1: 826 });
  // five characters and the mark that ends them; not the tokens of the box
  expect(fields[0].confidence).toBeCloseTo(0.99 ** 6, 12);
});

test("a description that asks is asked as it is", async () => {
  const { asked, fieldReader } = reader({});
  await readFields(fieldReader, {
    properties: { x: { type: "string", description: "Read the line under the logo?" } },
  });
  expect(asked).toEqual(["Read the line under the logo?"]);
});

// would catch: a guess shown as a value
test("below the threshold a value is not shown, and its confidence is still told", async () => {
  const calibration = { ...UNCALIBRATED, threshold: 0.97 };
  const { fieldReader } = reader({ "What is the total?": "12.99" }, calibration);
  const { value, fields } = await readFields(fieldReader, { properties: { total: { type: "number" } } });
  expect(value).toEqual({ total: null });
  expect(fields[0]).toMatchObject({ value: null, isShown: false });
  expect(fields[0].confidence).toBeCloseTo(0.99 ** 6, 12);
});

test("rows of a list come from one question", async () => {
  const rows = JSON.stringify([
    { name: "Car", qty: "2x", price: "15.46" },
    { name: "Hat", price: "1,00" },
  ]);
  const { asked, fieldReader } = reader({ "List the items as JSON.": rows });
  const row = { properties: { product: { type: "string" }, count: { type: "integer" }, price: { type: "number" } } };
  const { value } = await readFields(fieldReader, { properties: { items: { type: "array", items: row } } });
  expect(asked).toEqual(["List the items as JSON."]);
  expect(value).toEqual({
    items: [
      { product: "Car", count: 2, price: 15.46 },
      { product: "Hat", count: null, price: 1 },
    ],
  });
});

// would catch: an invented receipt in a photograph of a cat
test("a picture of something else fills nothing", async () => {
  const { fieldReader } = reader({ "What is the total?": OUT_OF_SCOPE, "List the items as JSON.": OUT_OF_SCOPE });
  const schema = {
    properties: { total: { type: "string" }, items: { items: { properties: { name: { type: "string" } } } } },
  };
  expect((await readFields(fieldReader, schema)).value).toEqual({ total: null, items: [] });
});

test.each([
  [[], /it is no object/],
  [{ properties: { a: { anyOf: [{ type: "string" }, { type: "number" }] } } }, /a has 2 forms/],
  [{ properties: { rows: { items: { properties: { colour: {} } } } } }, /rows\.colour is no name/],
  [{ properties: { a: { $ref: "#/$defs/none" } } }, /a is #\/\$defs\/none/],
])("%j is refused in words", async (schema, message) => {
  await expect(readFields(reader({}).fieldReader, schema)).rejects.toThrow(message);
});
