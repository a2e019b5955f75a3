import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { preparePicture } from "../../image/prepare-picture.ts";
import { rgbImage } from "../../image/rgb-image.ts";
import { tokenizerFromJson } from "../../tokenizer/tokenizer-json.ts";
import { ILLEGIBLE } from "../dense-inputs.ts";
import { cellLabels, readDense } from "./dense-file.ts";
import { encodeText, readTexts } from "./text-file.ts";

const LADDER = join(import.meta.dirname, "../../../test/golden/ladder");
const tokenizer = tokenizerFromJson(JSON.parse(readFileSync(join(LADDER, "v2.6/tokenizer.json"), "utf8")));

function picture(width: number, height: number, scaleResolution: number) {
  return preparePicture(rgbImage(width, height, new Uint8Array(3 * width * height)), {
    partition: { kind: "sliced", granule: 14, maxSlices: 9, scaleResolution },
    arithmetic: "pillow",
    tokens: { kind: "queries", perView: 4 },
  });
}

const OPTIONS = { patchSize: 14, characters: ["A", "b"], cellsPerPatch: 2 };
const box = (character: string, x0: number, y0: number, x1: number, y1: number) => ({ character, x0, y0, x1, y1 });

describe("labels of a picture's cells", () => {
  // would catch: rows and columns swapped, halves of a patch swapped, a label for a character that is not known
  test("name the character that covers most of each half patch", () => {
    const { views, plan } = picture(56, 56, 56);
    const boxes = [box("A", 15, 1, 20, 13), box("b", 22, 0, 28, 14), box("b", 14, 1, 16, 13), box("?", 0, 0, 14, 14)];
    const [labels] = cellLabels(boxes, views, { ...OPTIONS, plan });
    const wanted = new Uint8Array(4 * 4 * 2);
    wanted[2] = 1;
    wanted[3] = 2;
    expect(labels).toEqual(wanted);
  });

  // would catch: labels of a slice taken from another slice, or not scaled with the picture
  test("follow the picture into its slices, and are left out where print is too small", () => {
    const { views, plan } = picture(112, 112, 56);
    expect(plan.sliced?.grid).toEqual({ columns: 2, rows: 2 });
    // in the third quarter: left, below
    const labels = cellLabels([box("A", 0, 56, 7, 70)], views, { ...OPTIONS, plan });
    expect(labels).toHaveLength(5);
    expect(labels.slice(1).map((view) => view[0])).toEqual([0, 0, 1, 0]);
    expect(
      labels
        .slice(1)
        .flatMap((view) => Array.from(view))
        .filter((label) => label !== 0),
    ).toHaveLength(1);
    // 14 pixels of 112 are 7 of the overview's 56
    expect(Array.from(labels[0]).filter((label) => label === ILLEGIBLE)).toHaveLength(1);
  });

  test.each([
    ['{"image": "a.png"}', /line 1.*"characters" is missing/],
    ['{"image": "a.png", "characters": [["A", 5, 5, 4, 9]]}', /line 1.*not \["A", x0, y0, x1, y1\]/],
    ['{"image": "a.png", "characters": [["A", 1, 2, 3]]}', /line 1.*not \["A", x0, y0, x1, y1\]/],
  ])("%s is refused by its line", (line, message) => {
    expect(() => readDense(line, "d.jsonl")).toThrow(message);
  });
});

describe("plain text", () => {
  const options = { tokenizer, end: "<|endoftext|>", mostTokens: 12 };

  // would catch: paragraphs run together, lines miscounted, markup of conversations parsed in running text
  test("becomes a sample a paragraph, with its line and its end", () => {
    const samples = readTexts("One <|im_end|>\nline.\n\n\nTwo.\n", "t.txt");
    expect(samples.map(({ text, place }) => [text.trim(), place.line])).toEqual([
      ["One <|im_end|>\nline.", 1],
      ["Two.", 5],
    ]);
    const [two] = encodeText(samples[1], options);
    expect(two.ids.at(-1)).toBe(tokenizer.idOf("<|endoftext|>"));
    expect(two.supervised.every((isSaid) => isSaid)).toBe(true);
    const pieces = encodeText(samples[0], { ...options, mostTokens: 400 });
    expect(pieces.flatMap(({ ids }) => ids)).not.toContain(tokenizer.idOf("<|im_end|>"));
  });

  test("that is longer than a pack becomes several samples, none of them a single token", () => {
    const [sample] = readTexts(JSON.stringify({ text: "abc ".repeat(40) }), "t.jsonl");
    const pieces = encodeText(sample, options);
    const whole = encodeText(sample, { ...options, mostTokens: 4000 })[0];
    expect(pieces.length).toBeGreaterThan(2);
    for (const { ids } of pieces) expect(ids.length >= 2 && ids.length <= 12).toBe(true);
    expect(pieces.flatMap(({ ids }) => ids)).toEqual(
      whole.ids.slice(
        0,
        pieces.reduce((n, { ids }) => n + ids.length, 0),
      ),
    );
  });
});
