import { expect, test } from "vitest";
import { fontPool } from "./fonts.ts";
import { missingPackages } from "./packages.ts";
import { fieldPhrasings, NOT_SHOWN, REFUSAL } from "./phrasings.ts";
import { sample } from "./sample.ts";
import { stages } from "./stage.ts";
import { sampleStream } from "./stream.ts";
import { templateSplits } from "./template-splits.ts";
import type { Kind, Sample, Split, Stage } from "./types.ts";
import { valueSplit } from "./values.ts";

const reason = missingPackages();
// A page takes tens of milliseconds, more on a busy machine.
const withFonts = (name: string, body: () => void | Promise<void>): void =>
  test.skipIf(reason !== undefined)(name, { timeout: 60_000 }, body);
if (reason !== undefined) test.skip(reason);

const documents: Stage = stages.documents;

function only(kind: Kind, change: Partial<Stage> = {}): Stage {
  return { ...documents, kinds: { [kind]: 1 }, ...change };
}

function series(count: number, stage: Stage, split: Split = "train"): Sample[] {
  const splits = { fonts: split, templates: split, values: split };
  return Array.from({ length: count }, (_, index) => sample(5, index, { stage, splits }));
}

// Would catch hidden state (a cache, a shared generator) that makes a resumed run see other pictures.
withFonts("the same seed and index give the same sample, whatever was made before", () => {
  const first = [3, 1, 2].map((index) => sample(1, index, { stage: documents }));
  const again = [1, 2, 3].map((index) => sample(1, index, { stage: documents }));
  expect(first[0]).toEqual(again[2]);
  expect(first[1]).toEqual(again[0]);
  expect(first[1].image.data).not.toEqual(sample(2, 1, { stage: documents }).image.data);
});

// Would catch results handed out in the order of finishing rather than of index.
withFonts("a stream of two workers yields exactly the samples of the function", async () => {
  const stage = stages.short;
  let index = 10;
  for await (const made of sampleStream({ seed: 4, from: 10, to: 30, workers: 2, ahead: 4, stage: "short" })) {
    expect(made.index).toBe(index);
    expect(made.sample.image.data).toEqual(sample(4, index, { stage }).image.data);
    index++;
  }
  expect(index).toBe(30);
});

/** Pixels that differ from the paper, which is what the corner shows in a clean picture. */
function inkMask({ image: { width, height, channels, data } }: Sample): boolean[] {
  return Array.from({ length: width * height }, (_, i) => {
    let difference = 0;
    for (let c = 0; c < channels; c++) difference = Math.max(difference, Math.abs(data[i * channels + c] - data[c]));
    return difference > 24;
  });
}

// Would catch kerning, stretch or tracking that the boxes do not follow.
// A fixed canvas keeps the slivers of neighbouring lines away, which belong to no box on purpose.
withFonts("character boxes cover all ink of a clean picture, and each holds some", () => {
  for (const kind of ["line", "block", "columns"] as const) {
    for (const [index, made] of series(
      25,
      only(kind, { degradation: 0, ...(kind === "line" && { lineCanvas: { width: 480, height: 56 } }) }),
    ).entries()) {
      const mask = inkMask(made);
      const ink = mask.filter(Boolean).length;
      const covered = new Set<number>();
      const { width, height } = made.image;
      for (const box of made.characters) {
        let inside = 0;
        for (let y = Math.max(0, Math.floor(box.y0 - 1)); y < Math.min(height, box.y1 + 1); y++) {
          for (let x = Math.max(0, Math.floor(box.x0 - 1.5)); x < Math.min(width, box.x1 + 1.5); x++) {
            if (!mask[y * width + x]) continue;
            covered.add(y * width + x);
            inside++;
          }
        }
        if (box.char !== " ")
          expect(inside, `${box.char} of ${kind} ${index} in ${made.fonts.join()}`).toBeGreaterThan(0);
      }
      expect(covered.size / ink, `${kind} ${index} in ${made.fonts.join()}`).toBeGreaterThan(0.97);
    }
  }
});

// Would catch a warp applied to the pixels but not to the boxes, or values bent out of the picture.
withFonts("after every degradation the characters are still inside the picture", () => {
  for (const { characters, image } of series(40, only("receipt", { degradation: 1 }))) {
    for (const { x0, y0, x1, y1 } of characters) {
      expect(Math.min(x0, y0)).toBeGreaterThan(-1);
      expect(x1).toBeLessThan(image.width + 1);
      expect(y1).toBeLessThan(image.height + 1);
    }
  }
});

// Would catch an evaluation on what was trained.
withFonts("fonts, templates and values of the other splits never occur in training", () => {
  const reserved = new Set(
    (["validation", "heldOut"] as const).flatMap((split) =>
      (["print", "mono", "hand"] as const).flatMap((role) => fontPool(split, role).map(({ name }) => name)),
    ),
  );
  expect(reserved.size).toBeGreaterThan(40);
  for (const made of series(120, documents)) {
    for (const font of made.fonts) expect(reserved).not.toContain(font);
    expect([...templateSplits.heldOut, ...templateSplits.validation]).not.toContain(made.template);
  }
  for (const made of series(60, only("line"))) expect(["train", "any"]).toContain(valueSplit(made.lines[0].text));
  const held = series(40, only("receipt"), "heldOut");
  for (const made of held) {
    for (const font of made.fonts) expect(reserved).toContain(font);
    expect(templateSplits.heldOut).toContain(made.template);
  }
});

// Would catch an answer built from the data instead of from what was printed (capitals, lost accents, cut names).
withFonts("every answer is printed in the picture", () => {
  for (const made of series(80, documents)) {
    const printed = made.lines.map((line) => line.text).join("\n");
    for (const { question, answer, task } of made.turns) {
      if (answer === NOT_SHOWN || answer === REFUSAL) continue;
      const text = answer.replace(/<box>[\d ]+<\/box>/g, "");
      const pieces =
        task === "items-json"
          ? (JSON.parse(text) as Record<string, string>[]).flatMap((row) => Object.values(row))
          : text.split("\n");
      for (const piece of pieces) expect(printed, `${question} ${answer}`).toContain(piece);
    }
  }
});

// Would catch a drift of the share of unanswerable questions, and "not shown" for what is shown.
withFonts("about 15 % of questions are unanswerable, and truly so", () => {
  const stage: Stage = { ...documents, kinds: { ...documents.kinds, unrelated: 0, blank: 0 }, degradation: 0 };
  const list = series(250, stage);
  const turns = list.flatMap((made) => made.turns);
  const share = turns.filter((turn) => turn.answer === NOT_SHOWN).length / turns.length;
  expect(share).toBeGreaterThan(0.12);
  expect(share).toBeLessThan(0.18);
  for (const { fields, turns: asked } of list) {
    for (const turn of asked.filter(({ answer }) => answer === NOT_SHOWN)) {
      const keys = Object.keys(fieldPhrasings).filter((key) => fieldPhrasings[key].includes(turn.question));
      for (const key of keys) expect(fields.map((field) => field.key)).not.toContain(key);
    }
  }
});

// Would catch a picture of something else that is answered as if it were print.
withFonts("pictures without print are declined, blank ones are empty", () => {
  for (const { turns } of series(20, only("unrelated")))
    expect(turns.every((turn) => turn.answer === REFUSAL)).toBe(true);
  for (const { turns } of series(20, only("blank")))
    expect(turns.every((turn) => turn.answer === NOT_SHOWN)).toBe(true);
});
