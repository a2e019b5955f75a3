import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { tinyFolder, tinyModel } from "./tiny-model.ts";

const picture = await readFile(`${tinyFolder()}/small.png`);

// catches output that leaves the schema: the tiny model's own choice is noise, so the grammar alone makes it JSON
test("a zod schema gives typed fields with confidences", async () => {
  const schema = z.object({
    shop: z.enum(["north", "south"]),
    paid: z.boolean(),
    items: z.array(z.enum(["a", "b"])).max(3),
  });
  await using model = await tinyModel();
  const { value, fields, answer } = await model.extract(picture, schema, { maxNewTokens: 200 });
  expect(["north", "south"]).toContain(value.shop);
  expect(fields.map(({ path }) => path.join(".")).slice(0, 2)).toEqual(["shop", "paid"]);
  for (const { confidence } of fields) expect(confidence > 0 && confidence <= 1).toBe(true);
  expect(answer.finishReason).toBe("stop");
});

// catches boxes that are left in the value, or given in the model's coordinates instead of the file's pixels
test("boxes come in pixels of the file and leave the value as the schema has it", async () => {
  const schema = {
    type: "object",
    properties: { paid: { type: "boolean" } },
    required: ["paid"],
    additionalProperties: false,
  };
  await using model = await tinyModel();
  const { value, fields } = await model.extract(picture, schema, { boxes: true, maxNewTokens: 200 });
  expect(typeof (value as { paid: unknown }).paid).toBe("boolean");
  expect(fields).toHaveLength(1);
  const { box } = fields[0];
  if (box !== undefined) {
    expect(box.x0).toBeGreaterThanOrEqual(0);
    expect(box.x1).toBeLessThanOrEqual(100);
    expect(box.y1).toBeLessThanOrEqual(80);
  }
});

// catches an answer cut off by its limit being taken for whole
test("an answer that was cut off is refused", async () => {
  await using model = await tinyModel();
  const schema = { type: "object", properties: { text: { type: "string", minLength: 50 } }, required: ["text"] };
  await expect(model.extract(picture, schema, { maxNewTokens: 10 })).rejects.toThrow(/ends before it is whole/);
});
