import { present } from "../../base/invariant.ts";
import type { SamplePrediction } from "./report.ts";
import { nameOf, type StageStep } from "./train-stage.ts";

/** Samples that a report shows. */
const SHOWN = 8;

/** What the model foretold for the answers of the step's last pack. Ids stand for text where nothing decodes them. */
export function predictionsOf(
  { packs, last }: Pick<StageStep, "packs" | "last">,
  decode: (ids: readonly number[]) => string = (ids) => ids.join(" "),
): readonly SamplePrediction[] {
  const said = last.textPrediction;
  const pack = packs.at(-1);
  if (said === undefined || pack === undefined) return [];
  let base = 0;
  return pack.slice(0, SHOWN).map((drawn) => {
    const { ids, supervised } = drawn.sample;
    const wanted: number[] = [];
    const foretold: number[] = [];
    for (let t = 1; t < ids.length; t++) {
      if (supervised[t] !== true) continue;
      wanted.push(ids[t]);
      foretold.push(present(said[base + t - 1], "a prediction"));
    }
    base += ids.length;
    return { sample: nameOf(drawn), wanted: decode(wanted), said: decode(foretold) };
  });
}
