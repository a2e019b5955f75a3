import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { expect, test } from "vitest";
import type { ContentPart, PictureControl } from "../../../src/chat/message.ts";
import { rgbImage } from "../../../src/image/rgb-image.ts";
import { tinyFolder, tinyModel } from "./tiny-model.ts";

const landscape = await readFile(`${tinyFolder()}/landscape.png`); // 640×480
const large = rgbImage(3000, 2000, new Uint8Array(3000 * 2000 * 3));

function asked(...content: readonly ContentPart[]) {
  return [{ role: "user", content: [...content, "What is this?"] }] as const;
}

// catches settings that are read and go nowhere, or that one picture leaves to the next
test("each picture of a message is cut by its own settings", async () => {
  await using model = await tinyModel();
  const cut = (control: PictureControl): ContentPart => ({ image: landscape, ...control });
  const messages = asked(cut({}), cut({ detail: "low" }), cut({ maxSlices: 1 }), cut({ detail: "auto" }), landscape);
  expect((await model.countTokens(messages)).pictures).toEqual([192, 64, 64, 192, 192]);
  const answer = await model.complete(asked(cut({}), cut({ detail: "low" })), { temperature: 0, maxNewTokens: 2 });
  expect(answer.usage.pictureTokens).toBe(256);
  await expect(model.countTokens(asked(cut({ maxSlices: 37 })))).rejects.toThrow(/from 1 to 36/);
});

// catches a version's own most slices being taken for another's, and 4x that cuts as 16x does
test("4.6 takes up to 36 slices where high detail is asked for, and four times the tokens in 4x mode", async () => {
  await using model = await tinyModel("v4.6");
  const tokens = async (control: PictureControl) =>
    (await model.countTokens(asked({ image: large, ...control }))).pictures[0];
  const [auto, high, some] = [await tokens({}), await tokens({ detail: "high" }), await tokens({ maxSlices: 20 })];
  expect(auto).toBeLessThanOrEqual(10 * 64 * 1.2);
  expect(high).toBeGreaterThan(30 * 64 * 0.8);
  expect(some).toBeGreaterThan(auto);
  expect(some).toBeLessThan(high);
  const fine = await tokens({ downsample: "4x", detail: "low" });
  expect(fine / (await tokens({ detail: "low" }))).toBeCloseTo(4, 0);
});

// catches places that stay in the model's own coordinates, or in those of the picture as it was shown
test("an answer's boxes come in pixels of the file as it is stored", async () => {
  const text = "<ref>till</ref><box>0 0 500 250</box>";
  const turned = await sharp(landscape).withMetadata({ orientation: 6 }).png().toBuffer();
  await using model = await tinyModel();
  const ask = (image: Uint8Array) =>
    model.complete(asked(image), { temperature: 0, maxNewTokens: 100, schema: { const: text } });
  const { places, text: said } = await ask(landscape);
  expect(JSON.parse(said)).toBe(text);
  expect(places).toMatchObject([{ kind: "box", label: "till", box: { x0: 0, y0: 0, x1: 320, y1: 120 } }]);
  // shown upright it is 480 wide and 640 high: the box is 240×160 there, at the lower left of what is stored
  expect((await ask(turned)).places).toMatchObject([{ box: { x0: 0, y0: 240, x1: 160, y1: 480 } }]);
});
