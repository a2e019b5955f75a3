import { present } from "../../base/invariant.ts";
import type { Drawn } from "../data/stream.ts";
import { ILLEGIBLE } from "../dense-inputs.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import type { StageTask } from "../recipe/recipe.ts";
import type { SamplePrediction } from "./report.ts";
import { nameOf, type StageStep } from "./train-stage.ts";

/** Samples that a report shows. */
const SHOWN = 8;
/** Characters of a dense sample that a report shows. */
const SHOWN_CELLS = 120;

type Watched = Pick<StageStep, "packs" | "last">;

/** What the model foretold for the answers of the step's last pack. Ids stand for text where nothing decodes them. */
export function predictionsOf(
  step: Watched,
  task: StageTask,
  decode: (ids: readonly number[]) => string = (ids) => ids.join(" "),
): readonly SamplePrediction[] {
  const pack = step.packs.at(-1);
  if (pack === undefined) return [];
  return task.kind === "dense" ? densePredictions(step, pack, task) : textPredictions(step, pack, decode);
}

type PackOf = readonly Drawn<EncodedSample>[];

function textPredictions(
  { last }: Watched,
  pack: PackOf,
  decode: (ids: readonly number[]) => string,
): readonly SamplePrediction[] {
  const said = last.textPrediction;
  if (said === undefined) return [];
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

/** Characters of the labelled cells in reading order, a dot where none was seen. */
function densePredictions(
  { last }: Watched,
  pack: PackOf,
  { characters, cellsPerPatch }: StageTask & { readonly kind: "dense" },
): readonly SamplePrediction[] {
  const character = (label: number): string => characters[label - 1] ?? "·";
  let patch = 0;
  return pack.slice(0, SHOWN).map((drawn) => {
    let wanted = "";
    let said = "";
    for (const view of drawn.sample.cells ?? []) {
      for (const [i, label] of view.entries()) {
        if (label === 0 || label === ILLEGIBLE || wanted.length >= SHOWN_CELLS) continue;
        const foretold = last[`densePrediction.${i % cellsPerPatch}`];
        wanted += character(label);
        said += character(present(foretold?.[patch + Math.floor(i / cellsPerPatch)], "a prediction"));
      }
      patch += view.length / cellsPerPatch;
    }
    return { sample: nameOf(drawn), wanted, said };
  });
}
