import { degrade } from "./degrade.ts";
import type { Compose } from "./kind.ts";
import { composeForm } from "./kind-form.ts";
import { composeInvoice } from "./kind-invoice.ts";
import { composeLabel } from "./kind-label.ts";
import { composeLine } from "./kind-line.ts";
import { composeReceipt } from "./kind-receipt.ts";
import { composePage, composeSheet } from "./kind-sheet.ts";
import { composeBlank, composeBlock, composeColumns, composeHeading } from "./kind-text.ts";
import { composeUnrelated } from "./kind-unrelated.ts";
import { ask } from "./questions.ts";
import { sampleRandom, weighted } from "./random.ts";
import { draw, inkBox, linesOf, type SceneNode } from "./scene.ts";
import { type StageName, stages } from "./stage.ts";
import type { Field, Kind, Sample, Splits, Stage } from "./types.ts";

export interface SampleOptions {
  readonly stage: StageName | Stage;
  /** What each part is drawn from; all "train" when absent. */
  readonly splits?: Partial<Splits>;
}

const compose: Readonly<Record<Kind, Compose>> = {
  line: composeLine,
  block: composeBlock,
  label: composeLabel,
  receipt: composeReceipt,
  invoice: composeInvoice,
  form: composeForm,
  heading: composeHeading,
  columns: composeColumns,
  sheet: composeSheet,
  page: composePage,
  unrelated: composeUnrelated,
  blank: composeBlank,
};

/** Kinds that are whole sheets of paper. */
const papers: ReadonlySet<Kind> = new Set(["receipt", "invoice", "form", "label", "block", "blank"]);

/**
 * Makes sample `index` of stream `seed`: a picture, its printed characters and lines, and questions with exact answers.
 * Equal arguments give equal samples on one platform; no sample depends on another.
 */
export function sample(seed: number, index: number, options: SampleOptions): Sample {
  const random = sampleRandom(seed, index);
  const stage: Stage = typeof options.stage === "string" ? stages[options.stage] : options.stage;
  const splits: Splits = { fonts: "train", templates: "train", values: "train", ...options.splits };
  const kind = weighted(random, stage.kinds);
  const composed = compose[kind]({ random, stage, splits });
  const drawing = draw(composed.scene);
  const { pixels, characters } = degrade(drawing, random, {
    ...composed,
    background: papers.has(kind) ? 0.4 : 0,
    strength: stage.degradation,
  });
  const lines = linesOf(characters);
  const fields: Field[] = drawing.spans.map(({ key, text, first, last }) => ({
    key,
    text,
    box: inkBox(characters.slice(first, last + 1)),
  }));
  const scene = { kind, lines, fields, image: pixels };
  return {
    ...scene,
    turns: ask(random, scene, stage.turns),
    characters,
    template: composed.template,
    fonts: [...new Set(composed.scene.nodes.flatMap((node) => familyOf(node)))],
  };
}

function familyOf(node: SceneNode): string[] {
  return node.kind === "text" ? [node.face.family.name] : [];
}
