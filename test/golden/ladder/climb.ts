import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { decodeImage } from "../../../src/image/decode-image.ts";
import { type Patches, patchify } from "../../../src/image/patchify.ts";
import { resizePillow13Bicubic } from "../../../src/image/resize/pillow-bicubic.ts";
import type { RgbImage } from "../../../src/image/rgb-image.ts";
import { slicePlan } from "../../../src/image/slice-plan.ts";
import { sliceViews } from "../../../src/image/views.ts";
import type { Slicing } from "../../../src/model/minicpmv/version.ts";
import { type Golden, type GoldenCase, goldenFile, nmse, pickRows, readTap, sha256 } from "./harness.ts";
import type { OpenModel } from "./open-model.ts";

/** Float path against the official float64 run. */
const LIMIT = 1e-9;

type Traced = Readonly<Record<string, Float32Array | Int32Array>>;

/** Climbs every recorded stage of one case, in order; the first that differs is named in the failure. */
export async function climb(golden: Golden, name: string, model: OpenModel): Promise<void> {
  const wanted = golden.cases[name];
  const views = await checkedViews(golden, wanted, model.description.slicing);
  const rows = await climbVision({ golden, name, model }, views);
  await climbDecoder({ golden, name, model }, rows);
}

interface Climb {
  readonly golden: Golden;
  readonly name: string;
  readonly model: OpenModel;
}

/** Pixels of every view, each equal to the official one. */
async function checkedViews(golden: Golden, wanted: GoldenCase, slicing: Slicing): Promise<readonly Patches[]> {
  const views: RgbImage[] = [];
  for (const file of wanted.files) {
    const { image } = await decodeImage(await readFile(goldenFile(golden.folder, file)));
    views.push(...cutViews(image, slicing, wanted.call?.max_slice_nums));
  }
  const expected = wanted.views ?? wanted.images.flatMap((image) => image.views ?? []);
  expect(
    views.map(({ width, height }) => `${width}×${height}`),
    "view sizes",
  ).toEqual(expected.map(({ width, height }) => `${width}×${height}`));
  for (const [i, view] of views.entries()) expect(sha256(view.data), `pixels of view ${i}`).toBe(expected[i].sha256);
  return views.map((view) => patchify(view));
}

/** Views of a picture as the version cuts it, resized as by the Pillow 13 that the recordings were made with. */
export function cutViews(image: RgbImage, slicing: Slicing, maxSlices?: number): readonly RgbImage[] {
  if (slicing.kind === "fixed") {
    return [resizePillow13Bicubic(image, { width: slicing.side, height: slicing.side })];
  }
  const { granule } = slicing;
  return sliceViews(
    image,
    slicePlan(image, { granule, maxSlices: maxSlices ?? slicing.maxSlices }),
    resizePillow13Bicubic,
  );
}

/** Views one by one, frames of a group together. Gives the rows for the language model. */
async function climbVision(climbing: Climb, views: readonly Patches[]): Promise<Float32Array> {
  const { golden, name, model } = climbing;
  const groups = golden.cases[name].call?.temporal_ids;
  const { encoder } = model.vision;
  const paddedLength = encoder.paddedLength(views.map(({ grid }) => grid));
  const rows: Float32Array[] = [];
  let first = 0;
  for (const [unit, times] of (groups ?? views.map(() => undefined)).entries()) {
    const members = views.slice(first, first + (times?.length ?? 1));
    const groupOptions = times === undefined ? {} : { groups: [times] };
    const traced = await model.vision.trace(members, { paddedLength, ...groupOptions });
    await checkPositions(climbing, { members, first, paddedLength });
    await checkViewStages(climbing, traced, { members, first, paddedLength });
    if (times !== undefined) await checkStage(golden, `${name}.group${unit}.resampler`, traced.resampler);
    rows.push(traced.visual as Float32Array);
    first += members.length;
  }
  return concatenate(rows);
}

interface Unit {
  readonly members: readonly Patches[];
  /** Index of the first member among the views of the case. */
  readonly first: number;
  readonly paddedLength: number | undefined;
}

async function checkPositions({ golden, name, model }: Climb, { members, first, paddedLength }: Unit): Promise<void> {
  for (const [i, view] of members.entries()) {
    const key = `${name}.view${first + i}.position_ids`;
    if (golden.stages[key] === undefined) continue;
    const { positions } = model.vision.encoder.step([view], { paddedLength }).inputs;
    const expected = await readTap(golden.taps, key);
    expect(Array.from(positions).slice(0, expected.length), key).toEqual(Array.from(expected));
  }
}

/** Golden stages of a view and the taps that should equal them. */
const VIEW_STAGES: readonly (readonly [RegExp, string])[] = [
  [/^patch_embed$/, "vision.patches"],
  [/^embeddings$/, "vision.embeddings"],
  [/^block(\d+)$/, "vision.$1"],
  [/^vit_merger$/, "vision.merger"],
  [/^post_norm$/, "vision.norm"],
  [/^(resampler|merger)$/, "resampler"],
];

async function checkViewStages({ golden, name }: Climb, traced: Traced, unit: Unit): Promise<void> {
  for (const [i, view] of unit.members.entries()) {
    const prefix = `${name}.view${unit.first + i}.`;
    const patchCount = view.grid.rows * view.grid.columns;
    for (const key of Object.keys(golden.stages).filter((stage) => stage.startsWith(prefix))) {
      const stage = key.slice(prefix.length);
      if (stage === "position_ids") continue;
      if (stage === "patches") {
        await checkStage(golden, key, view.values);
        continue;
      }
      const row = VIEW_STAGES.find(([pattern]) => pattern.test(stage));
      if (row === undefined) throw new Error(`No tap stands for the recorded stage ${key}.`);
      // members of a unit lie one after another, and all golden groups are of equal views
      const firstRow = i * (unit.paddedLength ?? patchCount);
      await checkStage(golden, key, traced[stage.replace(row[0], row[1])], firstRow);
    }
  }
}

async function checkStage(golden: Golden, key: string, actual: ArrayLike<number>, firstRow = 0): Promise<void> {
  const stage = golden.stages[key];
  const expected = await readTap(golden.taps, key);
  expect(nmse(pickRows(actual, stage, firstRow), expected), key).toBeLessThan(LIMIT);
}

/** Prefill stage by stage, then 64 greedy tokens with the logits of each step. */
async function climbDecoder({ golden, name, model }: Climb, visual: Float32Array): Promise<void> {
  const wanted = golden.cases[name];
  const ids = await readTap(golden.taps, `${name}.input_ids`);
  expect(ids.length).toBe(wanted.promptTokens);
  const at = await visualPlaces(golden, name, ids);
  const normStage = golden.stages[`${name}.final_norm`];
  const select = normStage.rows === "all" ? [ids.length - 1] : normStage.rows;
  using sequence = model.decoder.open();
  const traced = await model.decoder.trace([{ sequence, ids, visual: { rows: visual, at }, select }]);
  await checkStage(golden, `${name}.spliced`, traced["decoder.embeddings"]);
  const last = model.description.decoder.layerCount - 1;
  for (let i = 0; i <= last; i++) {
    for (const part of [".mixer", ""]) {
      const key = `${name}.decoder${i}${part}`;
      const isWantedOnly = i === last && part === "";
      if (golden.stages[key] !== undefined && !isWantedOnly) {
        await checkStage(golden, key, traced[`decoder.${i}${part}`]);
      }
    }
  }
  // what follows the last mixer is computed for the recorded rows alone
  for (const [tap, key] of [
    [`decoder.${last}`, `decoder${last}`],
    ["decoder.norm", "final_norm"],
  ]) {
    expect(nmse(traced[tap], await readTap(golden.taps, `${name}.${key}`)), key).toBeLessThan(LIMIT);
  }
  const vocabulary = model.decoder.vocabularySize;
  let logits = (traced.logits as Float32Array).subarray(-vocabulary);
  expect(nmse(logits, await readTap(golden.taps, `${name}.logits_last`)), "logits_last").toBeLessThan(LIMIT);
  const teacherKey = `${name}.teacher_logits`;
  const teacher = golden.taps.has(teacherKey) ? await readTap(golden.taps, teacherKey) : undefined;
  const tokens: number[] = [];
  for (let step = 0; step < wanted.greedyTokens.length; step++) {
    const expected = teacher?.subarray(step * vocabulary, (step + 1) * vocabulary);
    if (expected !== undefined) expect(nmse(logits, expected), `logits of step ${step}`).toBeLessThan(LIMIT);
    const best = argmax(logits);
    tokens.push(best);
    logits = await model.decoder.step([{ sequence, ids: [best] }]);
  }
  expect(tokens, `greedy tokens; smallest margin ${wanted.smallestMargin}`).toEqual(wanted.greedyTokens);
}

/** Places of visual rows: between the recorded bounds, or at the image tokens (4.6). */
export async function visualPlaces(golden: Golden, name: string, ids: Float64Array): Promise<readonly number[]> {
  if (golden.stages[`${name}.image_bounds`] === undefined) {
    return Array.from(ids.keys()).filter((i) => ids[i] === golden.config.image_token_id);
  }
  const bounds = await readTap(golden.taps, `${name}.image_bounds`);
  return Array.from({ length: bounds.length / 2 }, (_, i) => [bounds[2 * i], bounds[2 * i + 1]]).flatMap(
    ([begin, end]) => Array.from({ length: end - begin }, (_, i) => begin + i),
  );
}

export function argmax(logits: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
