import { inverseFrequencies } from "../../nn/rotary-frequencies.ts";
import type { TrainedModel } from "../training-graph.ts";
import type { RecipeFields } from "./recipe-fields.ts";

/** Reads the shapes of a model of the family: SigLIP-type encoder, perceiver resampler, softmax-attention decoder. */
export function parseModel(fields: RecipeFields): TrainedModel {
  const model = {
    vision: parseVision(fields.object("vision")),
    resampler: parseResampler(fields.object("resampler")),
    decoder: parseDecoder(fields.object("decoder")),
  };
  fields.finish();
  const { resampler, decoder } = model;
  if (resampler.width !== decoder.width)
    fields.fail("resampler.width", `is ${resampler.width}, but the decoder is ${decoder.width} wide`);
  if (decoder.headCount % decoder.groupCount !== 0)
    fields.fail("decoder.groupCount", `is ${decoder.groupCount}, which does not divide ${decoder.headCount} heads`);
  return model;
}

function parseVision(fields: RecipeFields): TrainedModel["vision"] {
  const vision = {
    width: fields.count("width"),
    layerCount: fields.count("layerCount"),
    headCount: fields.count("headCount"),
    feedForward: fields.count("feedForward"),
    patchSize: fields.count("patchSize", 14),
    tableSide: fields.count("tableSide", 70),
    eps: fields.number("eps", { least: 0, fallback: 1e-6 }),
    positions: fields.choice("positions", ["navit", "exact", "ownStrip", "longestStrip", "resized"], "navit"),
    activation: fields.choice("activation", ["tanh", "erf"], "tanh"),
  };
  if (vision.width % vision.headCount !== 0) fields.fail("headCount", `does not divide the width ${vision.width}`);
  fields.finish();
  return vision;
}

function parseResampler(fields: RecipeFields): TrainedModel["resampler"] {
  const width = fields.count("width");
  const resampler = {
    queryCount: fields.count("queryCount", 64),
    width,
    headCount: fields.count("headCount", Math.max(1, Math.round(width / 128))),
    hasQueryPositions: fields.boolean("hasQueryPositions", false),
    keyPositions: fields.choice("keyPositions", ["fresh", "resized"], "fresh"),
    hasTime: fields.boolean("hasTime", false),
    projection: fields.choice("projection", ["transposed", "plain"], "transposed"),
  };
  fields.finish();
  return resampler;
}

function parseDecoder(fields: RecipeFields): TrainedModel["decoder"] {
  const width = fields.count("width");
  const headCount = fields.count("headCount");
  const headWidth = fields.count("headWidth", width / headCount);
  const theta = fields.number("theta", { least: 1, fallback: 10000 });
  const decoder = {
    width,
    layerCount: fields.count("layerCount"),
    headCount,
    groupCount: fields.count("groupCount", headCount),
    headWidth,
    feedForward: fields.count("feedForward"),
    vocabularySize: fields.count("vocabularySize"),
    eps: fields.number("eps", { least: 0, fallback: 1e-5 }),
    inverseFrequencies: inverseFrequencies({ theta, rotatedWidth: headWidth }),
    rotaryPairing: fields.choice("rotaryPairing", ["half", "adjacent"], "half"),
    hasAttentionBias: fields.boolean("hasAttentionBias", false),
    hasHeadNorm: fields.boolean("hasHeadNorm", false),
    isTied: fields.boolean("isTied", false),
    contextLength: fields.count("contextLength"),
    embeddingScale: fields.number("embeddingScale", { least: 0, fallback: 1 }),
    residualScale: fields.number("residualScale", { least: 0, fallback: 1 }),
    logitDivisor: fields.number("logitDivisor", { least: 0, fallback: 1 }),
  };
  fields.finish();
  return decoder;
}
