import { sineRow } from "../../src/model/vision/resampler.ts";
import { POCKET, POCKET_RESOLUTION } from "./pocket-model.ts";

// A tower and a resampler without pre-training spend most of a small budget on learning where to look. They begin with
// that knowledge instead: half of the width carries positions, half the patch, heads look at neighbouring patches, and each
// query looks at its own part of an 8 × 8 arrangement. Nothing is held fixed: training is free to undo all of it.

type Weights = Readonly<Record<string, Float32Array>>;

const { width, layerCount, headCount, patchSize, tableSide } = POCKET.vision;
const HEAD_WIDTH = width / headCount;
/** Width [0, POSITIONS) carries the sine and cosine of column and row, the rest the patch. */
const POSITIONS = width / 2;
const FREQUENCIES = POSITIONS / 4;
const POSITION_SIZE = 0.35;
/** The last dims hold constants, so that the norm of an empty patch is not much smaller than that of a full one. */
const CONSTANTS = 8;
const CONSTANT_SIZE = 2.4;
/** Periods of 4 to 210 of the table's buckets; a patch of a square view is 3.3 buckets wide. */
const OMEGAS = Array.from({ length: FREQUENCIES }, (_, i) => 1.5 * 0.02 ** (i / (FREQUENCIES - 1)));
const PATCH_BUCKETS = tableSide / (POCKET_RESOLUTION / patchSize);
/** How much of the random start stays where a structure is written over it. */
const RANDOM_SHARE = 0.2;
/** Gain of a head's query and key: one patch further costs about three units of its logit. */
const HEAD_GAIN = 3.3;
const RESAMPLER_GAIN = 1.5;

/** Where the heads of each layer look first, in patches [right, down]; a missing one stays random. */
const NEIGHBOURS: readonly (readonly (readonly [number, number])[])[] = [1, 2, 3].map((step) => [
  [-step, 0],
  [step, 0],
  [0, -step],
  [0, step],
]);

/** Writes the start over random weights, in place. */
export function startWeights(weights: Weights): void {
  startPatches(weights);
  startPositions(weights);
  for (let layer = 0; layer < layerCount; layer++) startLayer(weights, layer);
  startResampler(weights);
}

/** Patches as their lowest spatial frequencies (2-D cosine transform), higher ones louder; white paper gives zero. */
function startPatches(weights: Weights): void {
  const kernel = weights["vpm.embeddings.patch_embedding.weight"];
  const bias = weights["vpm.embeddings.patch_embedding.bias"];
  kernel.fill(0);
  bias.fill(0);
  const waves = Array.from({ length: patchSize ** 2 }, (_, i) => [i % patchSize, Math.floor(i / patchSize)] as const)
    .sort(([u, v], [s, t]) => Math.hypot(u, v) - Math.hypot(s, t) || u - s)
    .slice(0, width - POSITIONS - CONSTANTS);
  const pixels = patchSize ** 2;
  for (const [k, [u, v]] of waves.entries()) {
    const gain = ((0.7 + 0.74 * Math.hypot(u, v)) * 2) / patchSize / 3;
    const row = (POSITIONS + k) * 3 * pixels;
    let white = 0;
    for (let i = 0; i < pixels; i++) {
      const x = Math.cos((Math.PI * u * ((i % patchSize) + 0.5)) / patchSize) * (u === 0 ? Math.SQRT1_2 : 1);
      const y = Math.cos((Math.PI * v * (Math.floor(i / patchSize) + 0.5)) / patchSize) * (v === 0 ? Math.SQRT1_2 : 1);
      for (let channel = 0; channel < 3; channel++) {
        kernel[row + channel * pixels + i] = gain * x * y;
        white += gain * x * y;
      }
    }
    bias[POSITIONS + k] = -white;
  }
}

/** [sin ωx | cos ωx | sin ωy | cos ωy] of a place in buckets. */
function pattern(x: number, y: number, omegas: readonly number[]): number[] {
  return [
    ...omegas.map((omega) => Math.sin(omega * x)),
    ...omegas.map((omega) => Math.cos(omega * x)),
    ...omegas.map((omega) => Math.sin(omega * y)),
    ...omegas.map((omega) => Math.cos(omega * y)),
  ];
}

function startPositions(weights: Weights): void {
  const table = weights["vpm.embeddings.position_embedding.weight"];
  table.fill(0);
  for (let row = 0; row < tableSide; row++) {
    for (let column = 0; column < tableSide; column++) {
      const at = (row * tableSide + column) * width;
      for (const [i, value] of pattern(column, row, OMEGAS).entries()) table[at + i] = POSITION_SIZE * value;
      for (let i = 0; i < CONSTANTS; i++) table[at + width - 1 - i] = i % 2 === 0 ? CONSTANT_SIZE : -CONSTANT_SIZE;
    }
  }
}

function scaleAll(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i] *= factor;
}

function startLayer(weights: Weights, layer: number): void {
  const name = `vpm.encoder.layers.${layer}`;
  const of = (part: string): Float32Array => weights[`${name}.${part}.weight`];
  for (const [head, [right, down]] of (NEIGHBOURS[layer] ?? []).entries()) {
    look(of("self_attn.q_proj"), of("self_attn.k_proj"), { head, right, down });
  }
  // what is read and written is the patch, so that positions stay clean through the tower
  for (const part of ["self_attn.out_proj", "mlp.fc2"]) {
    const matrix = of(part);
    matrix.fill(0, 0, (matrix.length / width) * POSITIONS);
  }
  const value = of("self_attn.v_proj");
  for (let row = 0; row < width; row++) value.fill(0, row * width, row * width + POSITIONS);
  scaleAll(value, Math.SQRT2);
}

/** Half of the frequencies of columns and of rows, sine and cosine, fill a head. */
function look(
  query: Float32Array,
  key: Float32Array,
  { head, right, down }: { readonly head: number; readonly right: number; readonly down: number },
): void {
  const [begin, end] = [head * HEAD_WIDTH * width, (head + 1) * HEAD_WIDTH * width];
  scaleAll(query.subarray(begin, end), RANDOM_SHARE);
  scaleAll(key.subarray(begin, end), RANDOM_SHARE);
  const pairs = HEAD_WIDTH / 4;
  for (const [axis, step] of [right, down].entries()) {
    for (let j = 0; j < pairs; j++) {
      const wave = 2 * j + 1;
      const angle = OMEGAS[wave] * step * PATCH_BUCKETS;
      const sine = axis * 2 * FREQUENCIES + wave;
      const row = begin + (axis * 2 * pairs + 2 * j) * width;
      turn(query, { row, stride: width, sine, cosine: sine + FREQUENCIES, angle, gain: HEAD_GAIN });
      turn(key, { row, stride: width, sine, cosine: sine + FREQUENCIES, angle: 0, gain: HEAD_GAIN });
    }
  }
}

interface Turn {
  readonly row: number;
  readonly stride: number;
  /** Columns that hold sine and cosine. */
  readonly sine: number;
  readonly cosine: number;
  readonly angle: number;
  readonly gain: number;
}

/** Two rows that give the sine and cosine of the place `angle` further on. */
function turn(matrix: Float32Array, { row, stride, sine, cosine, angle, gain }: Turn): void {
  matrix[row + sine] += gain * Math.cos(angle);
  matrix[row + cosine] += gain * Math.sin(angle);
  matrix[row + stride + cosine] += gain * Math.cos(angle);
  matrix[row + stride + sine] -= gain * Math.sin(angle);
}

/** A wave of the key positions is still over 64 patches from here on: relative places can stand there undisturbed. */
const STILL = 40;

function startResampler(weights: Weights): void {
  const D = POCKET.resampler.width;
  const quarter = D / 4;
  const still = quarter - STILL;
  if (sineRow(64, D / 2)[STILL] > 0.25) throw new RangeError("The waves from STILL on are not still.");
  const first = Math.floor((FREQUENCIES - still) / 2);
  const omegas = OMEGAS.slice(first, first + still);
  // dims of the four quarters [sin x | cos x | sin y | cos y] that hold relative places
  const places = [0, 1, 2, 3].map((part) => Array.from({ length: still }, (_, i) => part * quarter + STILL + i));
  const into = weights["resampler.kv_proj.weight"];
  for (const [part, dims] of places.entries()) {
    for (const [i, dim] of dims.entries()) {
      into.fill(0, dim * width, (dim + 1) * width);
      into[dim * width + part * FREQUENCIES + first + i] = 1;
    }
  }
  const queries = weights["resampler.query"];
  const side = Math.sqrt(POCKET.resampler.queryCount);
  const cell = tableSide / side;
  scaleAll(queries, 0.05);
  for (let q = 0; q < side * side; q++) {
    // a patch's bucket is its left and upper edge
    const x = ((q % side) + 0.5) * cell - PATCH_BUCKETS / 2;
    const y = (Math.floor(q / side) + 0.5) * cell - PATCH_BUCKETS / 2;
    for (const [i, value] of pattern(x, y, omegas).entries()) queries[q * D + places.flat()[i]] = value;
  }
  for (let head = 0; head < POCKET.resampler.headCount; head++) startQueryHead(weights, { head, omegas, places, cell });
}

interface QueryHead {
  readonly head: number;
  readonly omegas: readonly number[];
  readonly places: readonly (readonly number[])[];
  readonly cell: number;
}

/** The first head looks at the left half of a query's share, the second at the right. */
function startQueryHead(weights: Weights, { head, omegas, places, cell }: QueryHead): void {
  const D = POCKET.resampler.width;
  const headWidth = D / POCKET.resampler.headCount;
  const query = weights["resampler.attn.q_proj.weight"];
  const key = weights["resampler.attn.k_proj.weight"];
  const begin = head * headWidth * D;
  for (const matrix of [query, key]) scaleAll(matrix.subarray(begin, begin + headWidth * D), RANDOM_SHARE);
  for (const axis of [0, 1]) {
    for (const [i, omega] of omegas.entries()) {
      const [sine, cosine] = [places[2 * axis][i], places[2 * axis + 1][i]];
      const row = begin + (axis * 2 * omegas.length + 2 * i) * D;
      const angle = axis === 0 ? omega * (head - 0.5) * (cell / 2) : 0;
      turn(query, { row, stride: D, sine, cosine, angle, gain: RESAMPLER_GAIN });
      turn(key, { row, stride: D, sine, cosine, angle: 0, gain: RESAMPLER_GAIN });
    }
  }
}

const {
  layerCount: DECODER_LAYERS,
  headCount: HEADS,
  groupCount: GROUPS,
  headWidth,
  inverseFrequencies,
} = POCKET.decoder;
const DECODER_WIDTH = POCKET.decoder.width;
/** Pairs that turn fast enough to tell neighbouring tokens apart. */
const FAST_PAIRS = 12;
/** Pairs from here on turn by less than a radian over two hundred tokens: contents can be compared there. */
const SLOW_PAIR = inverseFrequencies.findIndex((omega) => omega < 0.005);
/** A token further off the wanted place costs about three units of a head's logit. */
const PLACE_GAIN = 4.7;
const MATCH_GAIN = 1.5;
const COPY_GAIN = 0.5;
const EMBEDDING_SIZE = 8;

/**
 * Writes what a decoder needs to read from what the query heads learnt, in place: tokens of characters look like the
 * queries that hold them, the first layer's heads look one to three tokens back, those of later layers look at what
 * resembles a token and copy it. `tokenOf` gives the id of a character that is one token.
 */
export function startDecoder(
  weights: Weights,
  {
    characters,
    tokenOf,
  }: { readonly characters: readonly string[]; readonly tokenOf: (char: string) => number | undefined },
): void {
  startVocabulary(weights, characters, tokenOf);
  for (let layer = 0; layer < DECODER_LAYERS; layer++) {
    const name = `llm.model.layers.${layer}.self_attn`;
    if (layer === 0) lookBack(weights, name);
    else matchAndCopy(weights, name);
  }
}

/** Rows of both vocabularies are the direction that says "this character" in a query, whichever of its cells has it. */
function startVocabulary(
  weights: Weights,
  characters: readonly string[],
  tokenOf: (char: string) => number | undefined,
): void {
  const heads = Object.entries(weights).filter(([name]) => /^train\.query_head\.\d+\.weight$/.test(name));
  const classes = Array.from({ length: characters.length + 1 }, (_, row) => {
    const sum = new Float32Array(DECODER_WIDTH);
    for (const [, head] of heads) for (let i = 0; i < DECODER_WIDTH; i++) sum[i] += head[row * DECODER_WIDTH + i];
    return sum;
  });
  const mean = new Float32Array(DECODER_WIDTH);
  for (const row of classes) for (let i = 0; i < DECODER_WIDTH; i++) mean[i] += row[i] / classes.length;
  for (const [index, char] of characters.entries()) {
    const id = tokenOf(char);
    if (id === undefined) continue;
    const direction = classes[index + 1].map((value, i) => value - mean[i]);
    const size = Math.hypot(...direction);
    for (let i = 0; i < DECODER_WIDTH; i++) {
      weights["llm.model.embed_tokens.weight"][id * DECODER_WIDTH + i] = (EMBEDDING_SIZE * direction[i]) / size;
      weights["llm.lm_head.weight"][id * DECODER_WIDTH + i] = direction[i] / size;
    }
  }
}

/** Heads that attend by place alone, one, two and three tokens back; the last stays as it is. */
function lookBack(weights: Weights, name: string): void {
  scaleAll(weights[`${name}.q_proj.weight`].subarray(0, 3 * headWidth * DECODER_WIDTH), RANDOM_SHARE);
  scaleAll(weights[`${name}.k_proj.weight`], RANDOM_SHARE);
  const [query, key] = [weights[`${name}.q_proj.bias`], weights[`${name}.k_proj.bias`]];
  for (let pair = 0; pair < FAST_PAIRS; pair++) {
    for (let group = 0; group < GROUPS; group++) key[group * headWidth + pair] = PLACE_GAIN;
    for (let head = 0; head < HEADS - 1; head++) {
      const angle = inverseFrequencies[pair] * (head + 1);
      query[head * headWidth + pair] = PLACE_GAIN * Math.cos(angle);
      query[head * headWidth + headWidth / 2 + pair] = -PLACE_GAIN * Math.sin(angle);
    }
  }
}

function matchAndCopy(weights: Weights, name: string): void {
  const query = weights[`${name}.q_proj.weight`];
  const key = weights[`${name}.k_proj.weight`];
  const value = weights[`${name}.v_proj.weight`];
  const out = weights[`${name}.o_proj.weight`];
  for (let head = 0; head < HEADS; head++) {
    const group = Math.floor(head / (HEADS / GROUPS));
    for (let dim = 0; dim < headWidth; dim++) {
      const isSlow = dim % (headWidth / 2) >= SLOW_PAIR;
      const row = (head * headWidth + dim) * DECODER_WIDTH;
      const shared = (group * headWidth + dim) * DECODER_WIDTH;
      for (let i = 0; i < DECODER_WIDTH; i++) {
        query[row + i] = isSlow ? MATCH_GAIN * MATCH_GAIN * key[shared + i] : RANDOM_SHARE * query[row + i];
        out[i * DECODER_WIDTH + head * headWidth + dim] = COPY_GAIN * value[shared + i];
      }
    }
  }
}
