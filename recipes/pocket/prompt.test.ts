import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildPrompt } from "../../src/chat/build-prompt.ts";
import type { PlacedPicture } from "../../src/chat/picture-store.ts";
import { CHAT_TEMPLATES } from "../../src/chat/templates/template-registry.ts";
import { preparePicture } from "../../src/image/prepare-picture.ts";
import { tokenizerFromJson } from "../../src/tokenizer/tokenizer-json.ts";
import type { Sample } from "./data/types.ts";
import { POCKET, POCKET_RESOLUTION, POCKET_SLICES } from "./pocket-model.ts";
import { prepare, rgbOf } from "./prepare.ts";

const folder = join(import.meta.dirname, "../../models/pocket");
const tokenizer = tokenizerFromJson(JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8")));

function sampleOf(width: number, height: number): Sample {
  const turns = [
    { question: "What is the total?", answer: "12.99<box>1 2 3 4</box>", task: "total" },
    { question: "What is in <box>1 2 3 4</box>?", answer: "12.99", task: "read-box" },
  ];
  const image = { width, height, channels: 1 as const, data: new Uint8Array(width * height).fill(200) };
  return { image, turns, characters: [], lines: [], fields: [], kind: "receipt", template: "none", fonts: [] };
}

// would catch: a model that is asked in other tokens than it was trained with, or sees its pictures cut otherwise
test.each([
  [100, 60],
  [408, 592],
  [1000, 300],
])("a conversation about a picture of %i × %i reads as in training", async (width, height) => {
  const sample = sampleOf(width, height);
  const trained = prepare(sample, tokenizer);
  const prepared = await preparePicture(rgbOf(sample.image), {
    partition: {
      kind: "sliced",
      granule: POCKET.vision.patchSize,
      maxSlices: POCKET_SLICES,
      scaleResolution: POCKET_RESOLUTION,
      neverSplit: false,
    },
    arithmetic: "pillow",
    patchSize: POCKET.vision.patchSize,
    tokens: { kind: "queries", perView: POCKET.resampler.queryCount },
  });
  const picture = { prepared, serial: 0 } as unknown as PlacedPicture;
  const [first, second] = sample.turns;
  const messages = [
    { role: "user", content: [{ type: "image" }, { type: "text", text: first.question }] },
    { role: "assistant", content: first.answer },
    { role: "user", content: second.question },
  ] as const;
  const { ids, visualAt } = buildPrompt({ template: CHAT_TEMPLATES.pocket, tokenizer, messages, pictures: [picture] });
  const answered = tokenizer.encode(`${second.answer}<|im_end|>`, { parseSpecial: true });
  expect([...ids, ...answered]).toEqual(trained.ids);
  expect(visualAt.filter((_, i) => i % POCKET.resampler.queryCount === 0)).toEqual(trained.visualStarts);
  expect(prepared.views.length).toBe(trained.views.length);
});
