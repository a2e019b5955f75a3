// Measures what the packed model's probabilities are worth and writes calibration.json beside it: every value of the sets is
// asked for, and a monotone table is fitted to (probability, right or wrong). Every second value fits, the others judge.
// usage: node calibrate.ts [--model ../../models/pocket] [--sets receipts-in-domain,…] [--limit 50] [--precision 0.9]
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Calibration, calibrated, UNCALIBRATED } from "../../src/chat/calibration.ts";
import { load } from "../../src/chat/load.ts";
import { evalItems } from "./eval-sets.ts";
import { calibrationError, isotonicTable, type Judged, thresholdFor } from "./isotonic.ts";
import { rgbOf } from "./prepare.ts";

const { values: args } = parseArgs({
  options: {
    model: { type: "string", default: join(import.meta.dirname, "../../models/pocket") },
    sets: { type: "string", default: "receipts-in-domain,forms-held-out-templates,unanswerable-in-domain" },
    limit: { type: "string", default: "40" },
    precision: { type: "string", default: "0.9" },
    "dry-run": { type: "boolean", default: false },
  },
});

/** Asks the model itself, without a table that an earlier run left. */
await using model = await load({
  language: join(args.model, "pocket.gguf"),
  vision: join(args.model, "mmproj-pocket.gguf"),
});
const judged: Judged[] = [];
for (const set of args.sets.split(",")) {
  for (const { sample, turns } of evalItems(set, Number(args.limit))) {
    const image = { image: rgbOf(sample.image) };
    for (const { question, answer: truth, task } of turns) {
      if (task === "items-json" || task === "item-names" || task === "read") continue;
      const answer = await model.complete([{ role: "user", content: [image, question] }]);
      const [reading] = model.readings(answer);
      // what is said not to be there is no value
      if (reading === undefined) continue;
      const isRight = reading.text === truth.replace(/<box>.*/s, "");
      judged.push({ given: reading.confidence, isRight });
    }
  }
}
const fitting = judged.filter((_, i) => i % 2 === 0);
const judging = judged.filter((_, i) => i % 2 === 1);
const points = isotonicTable(fitting);
const table: Calibration = { points, threshold: thresholdFor(fitting, points, Number(args.precision)) };
const error = (calibration: Calibration): string =>
  calibrationError(judging.map(({ given, isRight }) => ({ given: calibrated(calibration, given), isRight }))).toFixed(
    4,
  );
console.log(`${judged.length} values, ${judged.filter(({ isRight }) => isRight).length} of them right`);
console.log(
  `expected calibration error on the judging half: ${error(UNCALIBRATED)} as given, ${error(table)} with the table`,
);
console.log(`threshold ${table.threshold} for ${args.precision} of the shown values right`);
if (!args["dry-run"]) writeFileSync(join(args.model, "calibration.json"), `${JSON.stringify(table, null, 1)}\n`);
