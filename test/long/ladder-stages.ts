import { readFile } from "node:fs/promises";
import { decodeImage } from "../../src/image/decode-image.ts";
import { type Patches, patchify } from "../../src/image/patchify.ts";
import { argmax, cutViews, visualPlaces } from "../golden/ladder/climb.ts";
import { type Golden, goldenFile, nmse, pickRows, readTap } from "../golden/ladder/harness.ts";
import type { OpenModel } from "../golden/ladder/open-model.ts";

/** Where the error is read off: last of the tower, rows for the decoder, its last layer, logits after the prompt. */
export const STAGES = ["tower", "connector", "decoder", "logits"] as const;
type Stage = (typeof STAGES)[number];

/** NMSE against the official float64 run. */
export interface StageErrors {
  readonly errors: Readonly<Record<Stage, number>>;
  /** Of the official greedy tokens, each predicted from the official ones before it. */
  readonly agreeing: number;
  readonly predictions: number;
}

/** Runs one case from the picture on: errors add up as they do in use. */
export async function measureCase(golden: Golden, name: string, model: OpenModel): Promise<StageErrors> {
  const errors = { tower: 0, connector: 0, decoder: 0, logits: 0 };
  const note = async (stage: Stage, key: string, actual: ArrayLike<number>, firstRow = 0): Promise<void> => {
    const found = nmse(pickRows(actual, golden.stages[key], firstRow), await readTap(golden.taps, key));
    errors[stage] = Math.max(errors[stage], found);
  };
  const rows = await encode({ golden, name, model }, note);
  const answered = await decode({ golden, name, model }, rows, note);
  return { errors, ...answered };
}

interface Measured {
  readonly golden: Golden;
  readonly name: string;
  readonly model: OpenModel;
}

type Note = (stage: Stage, key: string, actual: ArrayLike<number>, firstRow?: number) => Promise<void>;

async function encode({ golden, name, model }: Measured, note: Note): Promise<Float32Array> {
  const { files, call } = golden.cases[name];
  const views: Patches[] = [];
  for (const file of files) {
    const { image } = await decodeImage(await readFile(goldenFile(golden.folder, file)));
    views.push(...cutViews(image, model.description.slicing, call?.max_slice_nums).map((view) => patchify(view)));
  }
  const paddedLength = model.vision.encoder.paddedLength(views.map(({ grid }) => grid));
  const parts: Float32Array[] = [];
  let first = 0;
  for (const [unit, times] of (call?.temporal_ids ?? views.map(() => undefined)).entries()) {
    const members = views.slice(first, first + (times?.length ?? 1));
    const groups = times === undefined ? {} : { groups: [times] };
    const traced = await model.vision.trace(members, { paddedLength, ...groups });
    for (const [i, { grid }] of members.entries()) {
      const key = `${name}.view${first + i}.post_norm`;
      const firstRow = i * (paddedLength ?? grid.rows * grid.columns);
      if (key in golden.stages) await note("tower", key, traced["vision.norm"], firstRow);
    }
    const prefix = times === undefined ? `${name}.view${first}.` : `${name}.group${unit}.`;
    const connector = ["resampler", "merger"].map((stage) => prefix + stage).find((key) => key in golden.stages);
    if (connector !== undefined) await note("connector", connector, traced.resampler);
    parts.push(traced.visual as Float32Array);
    first += members.length;
  }
  return Float32Array.from(parts.flatMap((part) => Array.from(part)));
}

async function decode({ golden, name, model }: Measured, visual: Float32Array, note: Note) {
  const ids = await readTap(golden.taps, `${name}.input_ids`);
  const at = await visualPlaces(golden, name, ids);
  using sequence = model.decoder.open();
  const last = model.description.decoder.layerCount - 1;
  const { rows, shape } = golden.stages[`${name}.decoder${last}`];
  // the last layer ends for the wanted rows alone: those that were recorded, the last of which is the prompt's
  const select = rows === "all" ? Array.from(ids.keys()) : rows;
  const traced = await model.decoder.trace([{ sequence, ids, visual: { rows: visual, at }, select }]);
  const width = shape[shape.length - 1];
  const everyRow = new Float32Array(ids.length * width);
  const ended = traced[`decoder.${last}`] as Float32Array;
  for (const [i, row] of select.entries()) everyRow.set(ended.subarray(i * width, (i + 1) * width), row * width);
  await note("decoder", `${name}.decoder${last}`, everyRow);
  let logits = (traced.logits as Float32Array).subarray(-model.decoder.vocabularySize);
  await note("logits", `${name}.logits_last`, logits);
  const { greedyTokens } = golden.cases[name];
  let agreeing = 0;
  for (const token of greedyTokens) {
    if (argmax(logits) === token) agreeing++;
    logits = await model.decoder.step([{ sequence, ids: [token] }]);
  }
  return { agreeing, predictions: greedyTokens.length };
}
