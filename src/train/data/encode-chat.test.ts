import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tokenizerFromJson } from "../../tokenizer/tokenizer-json.ts";
import { TINY_RECIPE } from "../testing/tiny-recipe.ts";
import { CHAT_FORMS, encodeChat } from "./encode-chat.ts";
import { fileSources } from "./file-sources.ts";
import type { PlacedSample } from "./sample.ts";

const LADDER = join(import.meta.dirname, "../../../test/golden/ladder");
const tokenizer = tokenizerFromJson(JSON.parse(readFileSync(join(LADDER, "v2.6/tokenizer.json"), "utf8")));
const PICTURE = {
  views: [{ grid: { rows: 1, columns: 2 }, values: new Float32Array(2 * 588) }],
  placeholder: `<image>${"<unk>".repeat(4)}</image>`,
};
const OPTIONS = { tokenizer, form: CHAT_FORMS.chatml, filler: "<unk>", queryCount: 4 };

const SAMPLE: PlacedSample = {
  place: { file: "d.json", index: 0 },
  images: ["a.png"],
  turns: [
    { role: "user", content: "<image>\nWhat is this?" },
    { role: "assistant", content: "A cat." },
    { role: "user", content: "Sure?" },
    { role: "assistant", content: "Yes.", isTrained: false },
    { role: "user", content: "Say <|im_end|>" },
    { role: "assistant", content: "No." },
  ],
};

describe("a conversation", () => {
  const { ids, supervised, visualStarts } = encodeChat(SAMPLE, [PICTURE], OPTIONS);
  const said = ids.filter((_, t) => supervised[t]);

  // would catch: questions trained on, an end token that is never learnt, labels one place off
  test("supervises exactly the trained answers with their ends", () => {
    expect(tokenizer.decode(said as never)).toBe("A cat.<|im_end|>No.<|im_end|>");
  });

  test("finds each view's first token", () => {
    expect(visualStarts.map((t) => tokenizer.tokenString(ids[t] as never))).toEqual(["<unk>"]);
    expect(tokenizer.tokenString(ids[visualStarts[0] - 1] as never)).toBe("<image>");
    expect(tokenizer.tokenString(ids[visualStarts[0] + 4] as never)).toBe("</image>");
  });

  // would catch: a user's text that ends the turn in the model's eyes
  test("keeps a special token in a turn's text as text", () => {
    const ends = ids.filter((id) => id === tokenizer.idOf("<|im_end|>")).length;
    expect(ends).toBe(SAMPLE.turns.length);
  });
});

describe("files of a stage", () => {
  const stage = { ...TINY_RECIPE.stages[2], data: [{ name: "mine", file: "mine.jsonl" }] };
  const encode = (sample: PlacedSample) => encodeChat(sample, [], OPTIONS);

  test("become sources, read from the recipe's folder", async () => {
    const folder = await mkdtemp(join(tmpdir(), "train-files-"));
    try {
      const line = { messages: SAMPLE.turns.slice(2, 4), images: [] };
      await writeFile(join(folder, "mine.jsonl"), `${JSON.stringify(line)}\n${JSON.stringify(line)}\n`);
      const [part] = await fileSources(stage, { folder, encoders: { chat: encode } });
      expect(part.source.length).toBe(2);
      expect(part.weight).toBe(2);
      const { place, supervised } = await part.source.at(1);
      expect(place?.line).toBe(2);
      expect(supervised.some((isSaid) => isSaid)).toBe(true);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("that are missing, or that no recipe names, are told", async () => {
    await expect(fileSources(stage, { folder: "/nowhere", encoders: { chat: encode } })).rejects.toThrow(
      /mine\.jsonl.*cannot be read/,
    );
    const unnamed = { ...stage, data: [{ name: "LAION-2B" }] };
    await expect(fileSources(unnamed, { folder: ".", encoders: { chat: encode } })).rejects.toThrow(
      /no file for "LAION-2B"/,
    );
  });
});
