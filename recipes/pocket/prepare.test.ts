import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { patchify } from "../../src/image/patchify.ts";
import { slicePlan } from "../../src/image/slice-plan.ts";
import { sliceViews } from "../../src/image/views.ts";
import { tokenizerFromJson } from "../../src/tokenizer/tokenizer-json.ts";
import { sample } from "./data/sample.ts";
import { stages } from "./data/stage.ts";
import { readTurn } from "./eval-sets.ts";
import { grayViews } from "./gray-views.ts";
import { CHARACTERS } from "./pocket-model.ts";
import { prepare, rgbOf } from "./prepare.ts";

// would catch training on other pixels than a user's picture gives
test.each([
  [300, 40],
  [520, 777],
  [97, 131],
])("a gray picture of %d×%d gives the patches of its three equal channels", (width, height) => {
  const random = seededRandom(width);
  const data = Uint8Array.from({ length: width * height }, () => Math.floor(random.next() * 256));
  const plan = slicePlan({ width, height }, { granule: 8, maxSlices: 9, scaleResolution: 168 });
  const wide = sliceViews(rgbOf({ width, height, channels: 1, data }), plan).map((view) =>
    patchify(view, "stepwise", 8),
  );
  expect(grayViews({ width, height, data }, plan, { patchSize: 8, isWanted: () => true })).toEqual(wide);
});

// would catch a decoder that is taught to look at the wrong place
test("each character of a read answer names the query that holds it", () => {
  const tokenizer = tokenizerFromJson(
    JSON.parse(readFileSync(join(import.meta.dirname, "../../models/pocket/tokenizer.json"), "utf8")),
  );
  const stage = { ...stages.lines, kinds: { page: 1 }, fontPixels: [14, 22], items: [3, 6], degradation: 0 } as const;
  const missed: string[] = [];
  let compared = 0;
  for (let index = 0; index < 12; index++) {
    const page = sample(7, index, { stage });
    const turn = readTurn(page);
    expect(turn.printed?.map((character) => character?.char ?? "\n").join("")).toBe(turn.answer);
    const { ids, supervised, places, queryCells } = prepare({ ...page, turns: [turn] }, tokenizer);
    expect(places.length).toBe(ids.length);
    const said = places.filter((_, t) => supervised[t]);
    for (const [i, char] of [...turn.answer].entries()) {
      // letters as wide as a query's cell, so that one of its six labels has them
      if (!/^[A-HK-Z0-9]+$/.test(char) || turn.answer.match(/[^ -~\n]/)) continue;
      const place = said[i] ?? -1;
      const held = [...queryCells[0].subarray(6 * place, 6 * place + 6)].map((label) => CHARACTERS[label - 1]);
      compared++;
      if (!held.includes(char)) missed.push(`${char} in ${held.join("")}`);
    }
  }
  expect(compared).toBeGreaterThan(150);
  expect(missed.length / compared).toBeLessThan(0.05);
});
