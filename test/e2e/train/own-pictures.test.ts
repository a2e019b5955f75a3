import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { drawText, textSize } from "../../../src/image/bitmap-font.ts";
import { rgbImage } from "../../../src/image/rgb-image.ts";
import { type LabelledPicture, trainOnOwn } from "./own-pictures.ts";

const POCKET = join(import.meta.dirname, "../../../models/pocket");

function pictures(count: number, seed: number): readonly LabelledPicture[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const answer = `${random.below(90) + 10}.${random.below(90) + 10}`;
    const { width, height } = textSize(answer, 4);
    const image = rgbImage(width, height, new Uint8Array(3 * width * height));
    drawText(image, answer, 0, 0, 4);
    return { image, question: "What is the total?", answer };
  });
}

// catches the way from a user's pictures to an adapted model of the embedded model's shape coming apart; from random weights
// nothing is read, so accuracy is the business of recipes/pocket/own-pictures.ts, which runs the same with trained weights
test("adapters of the embedded model's shape are trained on labelled pictures, and what is written answers", async () => {
  const folder = await mkdtemp(join(tmpdir(), "own-pictures-"));
  try {
    const model = join(folder, "model");
    await mkdir(model);
    for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"])
      await copyFile(join(POCKET, name), join(model, name));
    const request = { model, folder: join(folder, "work"), train: pictures(50, 1), held: pictures(2, 2) };
    const settings = { samples: 50, rate: 0.003, resolution: { side: 168, maxSlices: 1 } };
    const { losses, after } = await trainOnOwn({ ...request, ...settings }, false);
    expect(losses.length).toBeGreaterThan(3);
    expect(losses[losses.length - 1]).toBeLessThan(losses[0]);
    expect(after).toBeGreaterThanOrEqual(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 180_000);
