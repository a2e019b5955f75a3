import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { expect, test } from "vitest";
import { tinyFolder, tinyModel } from "./tiny-model.ts";

const SCHEMA = {
  type: "object",
  properties: { paid: { type: "boolean" } },
  required: ["paid"],
  additionalProperties: false,
};
const upright = await readFile(`${tinyFolder()}/small.png`); // 100 × 80

// catches boxes in the coordinates of what the model saw: a camera stores the same picture turned, and says so
test("the box of a picture that is stored turned lies on the same content", async () => {
  const turned = await sharp(upright).rotate(270).withMetadata({ orientation: 6 }).png().toBuffer();
  const { width, height } = await sharp(turned).metadata();
  expect([width, height]).toEqual([80, 100]);
  await using model = await tinyModel();
  const options = { boxes: true, maxNewTokens: 200 };
  const [straight] = (await model.extract(upright, SCHEMA, options)).fields;
  const [stored] = (await model.extract(turned, SCHEMA, options)).fields;
  const { box } = straight;
  if (box === undefined || stored.box === undefined) throw new Error("The answer names no box.");
  expect((box.x1 - box.x0) * (box.y1 - box.y0)).toBeGreaterThan(0);
  // stored = upright turned a quarter to the left: (x, y) lies at (y, 100 − x)
  expect(stored.box.x0).toBeCloseTo(box.y0, 6);
  expect(stored.box.x1).toBeCloseTo(box.y1, 6);
  expect(stored.box.y0).toBeCloseTo(100 - box.x1, 6);
  expect(stored.box.y1).toBeCloseTo(100 - box.x0, 6);
});
