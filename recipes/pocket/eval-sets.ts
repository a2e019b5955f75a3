import { sample } from "./data/sample.ts";
import { readLines } from "./data/scene.ts";
import { stages } from "./data/stage.ts";
import type { Kind, Sample, Split, Splits, Stage, Turn } from "./data/types.ts";

/** Training streams use seeds below this; evaluation alone uses it and above. */
export const FIRST_EVALUATION_SEED = 9_000_000;

/** A fixed set of pictures, made anew from its seed whenever it is needed. */
export interface EvalSet {
  readonly name: string;
  readonly seed: number;
  readonly count: number;
  readonly stage: Stage;
  readonly splits: Splits;
  /** Questions that count in this set. */
  readonly counts: (turn: Turn) => boolean;
}

/** In sets of lines each picture is read once, in the same words. */
const reading = (turn: Turn): boolean => turn.task === "read";
const every = (): boolean => true;
const answered = (turn: Turn): boolean =>
  !["absent", "refuse", "locate", "read-box", "line", "read"].includes(turn.task);

function splitsOf(fonts: Split, templates: Split, values: Split): Splits {
  return { fonts, templates, values };
}

// In-domain still means unseen values: the pictures of training are never repeated.
const inDomain = splitsOf("train", "train", "validation");
const heldOutFonts = splitsOf("heldOut", "train", "heldOut");
const heldOutTemplates = splitsOf("train", "heldOut", "heldOut");
const heldOutBoth = splitsOf("heldOut", "heldOut", "heldOut");

const lineStage: Stage = { ...stages.longLines, degradation: 0.5, turns: [1, 1], kinds: { line: 1 } };
const typed: Stage = { ...lineStage, lineKinds: { price: 1, date: 1, identifier: 1 } };

function only(kind: Kind, change: Partial<Stage> = {}): Stage {
  return { ...stages.documents, kinds: { [kind]: 1 }, turns: [6, 8], degradation: 0.6, ...change };
}

type Row = readonly [name: string, count: number, stage: Stage, splits: Splits, counts: (turn: Turn) => boolean];

const answerableOrNot: Stage = {
  ...stages.documents,
  kinds: { receipt: 3, invoice: 1, form: 1, label: 1, block: 1 },
  turns: [6, 8],
  degradation: 0.6,
};
const refusable = (turn: Turn): boolean => turn.task === "absent" || answered(turn);

const rows: readonly Row[] = [
  ["lines-in-domain", 500, lineStage, inDomain, reading],
  ["lines-held-out-fonts", 500, lineStage, heldOutFonts, reading],
  ["lines-clean-held-out-fonts", 300, { ...lineStage, degradation: 0 }, heldOutFonts, reading],
  ["values-in-domain", 300, typed, inDomain, reading],
  ["values-held-out-fonts", 300, typed, heldOutFonts, reading],
  ["blocks-held-out-fonts", 100, only("block"), heldOutFonts, every],
  ["receipts-in-domain", 100, only("receipt"), inDomain, answered],
  ["receipts-held-out-fonts", 100, only("receipt"), heldOutFonts, answered],
  ["receipts-held-out-templates", 100, only("receipt"), heldOutTemplates, answered],
  ["receipts-held-out-both", 100, only("receipt"), heldOutBoth, answered],
  ["receipts-long", 40, { ...stages.longReceipts, degradation: 0.5, items: [24, 36] }, inDomain, answered],
  ["invoices-held-out-templates", 60, only("invoice"), heldOutTemplates, answered],
  ["forms-held-out-templates", 60, only("form"), heldOutTemplates, answered],
  ["unanswerable-in-domain", 150, answerableOrNot, inDomain, refusable],
  ["unanswerable-held-out", 150, answerableOrNot, heldOutBoth, refusable],
  ["out-of-scope", 100, only("unrelated", { turns: [1, 1] }), heldOutBoth, every],
  ["blank", 50, only("blank", { turns: [2, 2] }), heldOutBoth, every],
];

/** Lines at one print size each: the accuracy over pixels per character that fixes the view size. */
const sizes: readonly Row[] = [8, 10, 12, 14, 16, 20, 24, 32].map(
  (pixels): Row => [
    `lines-${pixels}-pixels`,
    200,
    { ...lineStage, degradation: 0.25, fontPixels: [pixels, pixels] },
    inDomain,
    reading,
  ],
);

/** All sets in a fixed order; a new one is appended, so that the seeds of the others stay. */
export const evalSets: readonly EvalSet[] = [...rows, ...sizes].map(([name, count, stage, splits, counts], i) => ({
  name,
  seed: FIRST_EVALUATION_SEED + i,
  count,
  stage,
  splits,
  counts,
}));

export interface EvalItem {
  readonly index: number;
  readonly sample: Sample;
  /** The sample's questions that count. */
  readonly turns: readonly Turn[];
}

/** The plainest question: everything that is printed, line by line. */
export function readTurn({ lines }: Sample): Turn {
  return { question: "Read this.", ...readLines(lines) };
}

/** Makes the pictures of one set in order; pictures without a question that counts are left out. Throws RangeError for an unknown name. */
export function* evalItems(name: string, limit = Number.POSITIVE_INFINITY): Generator<EvalItem, void, undefined> {
  const set = evalSets.find((candidate) => candidate.name === name);
  if (set === undefined)
    throw new RangeError(`No evaluation set "${name}". There are: ${evalSets.map((known) => known.name).join(", ")}.`);
  for (let index = 0; index < Math.min(set.count, limit); index++) {
    const made = sample(set.seed, index, { stage: set.stage, splits: set.splits });
    const turns = set.counts === reading ? [readTurn(made)] : made.turns.filter(set.counts);
    if (turns.length > 0) yield { index, sample: made, turns };
  }
}
