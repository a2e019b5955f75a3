// Adapters of the embedded model from 50 labelled pictures of one's own: receipts of templates and fonts that it was never trained
// on. Fails unless the loss falls and held-out accuracy rises. usage: node own-pictures.ts [MODEL_FOLDER] [RUN_FOLDER]
import { join } from "node:path";
import { type LabelledPicture, trainOnOwn } from "../../test/e2e/train/own-pictures.ts";
import { sample } from "./data/sample.ts";
import { stages } from "./data/stage.ts";
import { FIRST_EVALUATION_SEED } from "./eval-sets.ts";
import { POCKET_RESOLUTION, POCKET_SLICES } from "./pocket-model.ts";
import { rgbOf } from "./prepare.ts";

const [model = join(import.meta.dirname, "../../models/pocket"), folder = "../../runs/own-pictures"] =
  process.argv.slice(2);
const PICTURES = 50;
/** Apart from the seeds of every evaluation set. */
const SEED = FIRST_EVALUATION_SEED + 500_000;

const QUESTION = "What is the total?";

function* labelled(): Generator<LabelledPicture, void, undefined> {
  const stage = { ...stages.documents, kinds: { receipt: 1 }, turns: [8, 8], degradation: 0.3, items: [1, 6] } as const;
  const splits = { fonts: "heldOut", templates: "heldOut", values: "heldOut" } as const;
  for (let index = 0; ; index++) {
    const { image, fields } = sample(SEED, index, { stage, splits });
    const total = fields.find(({ key }) => key === "total");
    if (total !== undefined) yield { image: rgbOf(image), question: QUESTION, answer: total.text };
  }
}

const stream = labelled();
const take = (count: number): LabelledPicture[] =>
  Array.from({ length: count }, () => stream.next().value).filter((picture) => picture !== undefined);
const request = { model, folder, train: take(PICTURES), held: take(PICTURES), samples: 8 * PICTURES, rate: 5e-4 };
const resolution = { side: POCKET_RESOLUTION, maxSlices: POCKET_SLICES };
const { losses, before = 0, after } = await trainOnOwn({ ...request, resolution, onLine: console.log }, true);
const [first, last] = [losses[0], losses[losses.length - 1]];
console.log(`loss ${first.toFixed(3)} to ${last.toFixed(3)}; held-out totals right ${before} before, ${after} after`);
process.exit(last < first && after > before ? 0 : 1);
