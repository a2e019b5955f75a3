import { ArgumentError } from "../base/errors.ts";
import type { Patches } from "../image/patchify.ts";
import { resamplerStep } from "../model/vision/resampler-step.ts";
import { DataSampleError, type SamplePlace } from "./errors.ts";
import { fitsRoom, type PackedSize, type PackRoom } from "./packing.ts";
import type { PackInputs } from "./trainer.ts";
import type { PackShape, TrainedModel } from "./training-graph.ts";

/** A conversation as the model sees it. */
export interface EncodedSample {
  readonly ids: readonly number[];
  /** True for the tokens that the model is to say; unshifted, as long as `ids`. */
  readonly supervised: readonly boolean[];
  readonly views: readonly Patches[];
  /** Place among `ids` of each view's first visual token. */
  readonly visualStarts: readonly number[];
  /** For a dense stage: class of each cell of each view, `cellsPerPatch` a patch side by side; ILLEGIBLE counts for nothing. */
  readonly cells?: readonly Uint8Array[];
  readonly place?: SamplePlace;
}

/** Size of a sample in a pack. */
export function packedSize({ ids, views }: EncodedSample): PackedSize {
  const patches = views.reduce((sum, { grid }) => sum + grid.rows * grid.columns, 0);
  return { tokens: ids.length, patches, views: views.length };
}

/** What samples may take of a pack: rows of views that stay unused need places of their own. */
export function packRoom(shape: PackShape, queryCount: number): PackRoom {
  return { ...shape, tokens: shape.tokens - shape.views * queryCount };
}

/** Throws DataSampleError for a sample that is longer than a pack or than the model's context. */
export function needFits(sample: EncodedSample, model: TrainedModel, shape: PackShape): void {
  const size = packedSize(sample);
  const { contextLength } = model.decoder;
  const place = sample.place ?? { file: "the sample" };
  if (size.tokens > contextLength)
    throw new DataSampleError(place, `it has ${size.tokens} tokens and the model reads ${contextLength}`, SHORTEN);
  if (fitsRoom(withoutVisual(size, model), packRoom(shape, model.resampler.queryCount))) return;
  const problem = `its ${size.tokens} tokens, ${size.views} views and ${size.patches} patches do not fit a pack`;
  const room = `of ${shape.tokens} tokens, ${shape.views} views and ${shape.patches} patches`;
  throw new DataSampleError(place, `${problem} ${room}`, "Shorten the sample, or give the stage larger packs.");
}

const SHORTEN = "Shorten the sample, cut its picture into fewer slices, or take it out.";

/** Visual tokens have their places reserved already. */
export function withoutVisual(size: PackedSize, { resampler }: TrainedModel): PackedSize {
  return { ...size, tokens: size.tokens - size.views * resampler.queryCount };
}

/** Tokens that a sample supervises: the first of a sample is foretold by nothing. */
export function supervisedCount({ supervised }: EncodedSample): number {
  return supervised.reduce((count, isSaid, t) => count + (isSaid && t > 0 ? 1 : 0), 0);
}

export interface PackInputsOptions {
  readonly model: TrainedModel;
  readonly shape: PackShape;
  /** 1 ÷ the supervised tokens of all packs of the optimiser step. */
  readonly textScale: number;
}

/**
 * Inputs of `trainingGraph` for samples that share a pack: positions restart, no sample sees another, padding is seen by
 * nothing and supervises nothing.
 */
export function packInputs(
  samples: readonly EncodedSample[],
  { model, shape, textScale }: PackInputsOptions,
): PackInputs {
  return { ...viewInputs(samples, { model, shape }), ...textInputs(samples, { model, shape, textScale }) };
}

/** The part that pictures fill: patches, where they stand, and which see which. */
export function viewInputs(
  samples: readonly EncodedSample[],
  { model, shape }: Pick<PackInputsOptions, "model" | "shape">,
): PackInputs {
  const views = samples.flatMap((sample) => sample.views);
  const { inputs } = resamplerStep(model, views.length > 0 ? views : [emptyView(model)], {});
  const queries = model.resampler.queryCount;
  const rows = shape.views * queries;
  const { patchSize } = model.vision;
  const patches = new Float32Array(shape.patches * 3 * patchSize ** 2);
  patches.set(inputs.patches);
  return {
    patches,
    // padded patch rows see themselves alone
    spans: padded(inputs.spans, 2 * shape.patches, (i) => Math.floor(i / 2) + (i % 2)),
    ...placeInputs(inputs, model, shape),
    queryIds: padded(inputs.queryIds, rows, (i) => i % queries),
    // rows of unused views look at the first patch; nothing reads what they give
    querySpans: padded(inputs.querySpans, 2 * rows, (i) => i % 2),
  };
}

/** Where patches stand, for the tower's table and for the resampler's keys; each version asks for two or three of these. */
function placeInputs(inputs: PackInputs, model: TrainedModel, { patches }: PackShape): PackInputs {
  const places: Record<string, Int32Array | Float32Array> = {};
  for (const name of ["positions", "keyRows", "keyColumns"]) {
    if (inputs[name] !== undefined) places[name] = padded(inputs[name], patches, () => 0);
  }
  const shareWidths = { positionShares: model.vision.tableSide ** 2, keyShares: model.resampler.queryCount };
  for (const [name, width] of Object.entries(shareWidths)) {
    if (inputs[name] === undefined) continue;
    const shares = new Float32Array(patches * width);
    shares.set(inputs[name]);
    places[name] = shares;
  }
  return places;
}

/** A pack of text alone still runs the tower over one black patch. */
function emptyView({ vision }: TrainedModel): Patches {
  return { grid: { rows: 1, columns: 1 }, values: new Float32Array(3 * vision.patchSize ** 2) };
}

function textInputs(samples: readonly EncodedSample[], { model, shape, textScale }: PackInputsOptions): PackInputs {
  const queries = model.resampler.queryCount;
  const text = emptyText(shape.tokens);
  const visualAt: number[] = [];
  let base = 0;
  for (const sample of samples) {
    fillText(text, sample, { base, textScale });
    for (const start of sample.visualStarts) for (let q = 0; q < queries; q++) visualAt.push(base + start + q);
    base += sample.ids.length;
  }
  const spare = shape.views * queries - visualAt.length;
  if (base + spare > shape.tokens || spare < 0) {
    throw new ArgumentError(
      `The samples of a pack take ${base} tokens and leave ${spare} rows of unused views.`,
      `A pack of ${shape.tokens} tokens holds fewer; pack with packRoom().`,
    );
  }
  // rows of unused views land on padding, each on a place of its own
  for (let i = 0; i < spare; i++) visualAt.push(base + i);
  return { ...text, visualAt: Int32Array.from(visualAt) };
}

interface TextArrays {
  readonly ids: Int32Array<ArrayBuffer>;
  readonly textPositions: Int32Array<ArrayBuffer>;
  readonly targets: Int32Array<ArrayBuffer>;
  readonly targetWeights: Float32Array<ArrayBuffer>;
  readonly textSpans: Int32Array<ArrayBuffer>;
}

/** Padding everywhere: each row sees itself alone and weighs nothing. */
function emptyText(tokens: number): TextArrays & PackInputs {
  return {
    ids: new Int32Array(tokens),
    textPositions: new Int32Array(tokens),
    targets: new Int32Array(tokens),
    targetWeights: new Float32Array(tokens),
    textSpans: Int32Array.from({ length: 2 * tokens }, (_, i) => Math.floor(i / 2) + (i % 2)),
  };
}

function fillText(
  text: TextArrays,
  { ids, supervised }: EncodedSample,
  { base, textScale }: { readonly base: number; readonly textScale: number },
): void {
  for (const [t, id] of ids.entries()) {
    text.ids[base + t] = id;
    text.textPositions[base + t] = t;
    text.textSpans[2 * (base + t)] = base;
    // row t foretells token t + 1
    if (supervised[t + 1] !== true) continue;
    text.targets[base + t] = ids[t + 1];
    text.targetWeights[base + t] = textScale;
  }
}

function padded(values: ArrayLike<number>, length: number, fill: (index: number) => number): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length }, (_, i) => (i < values.length ? values[i] : fill(i)));
}
