import { ArgumentError } from "../../base/errors.ts";
import { type Random, seededRandom } from "../../base/random.ts";

/** Samples by index; a source without length is an endless generator. */
export interface SampleSource<T> {
  readonly name: string;
  readonly length?: number;
  at(index: number): T | Promise<T>;
}

/** A source and how often it is drawn, relative to the others. */
export interface MixturePart<T> {
  readonly source: SampleSource<T>;
  readonly weight: number;
}

/** One draw of a mixture. */
export interface Drawn<T> {
  /** Place in the stream; `index + 1` is where a run resumes. */
  readonly index: number;
  readonly source: string;
  readonly sample: T;
}

export interface MixtureOptions<T> {
  readonly parts: readonly MixturePart<T>[];
  readonly seed: number;
  /** Place to start from. */
  readonly from?: number;
}

/**
 * An endless stream that is a function of (seed, index): part by part at random with the given weights, each finite part
 * in a fresh order every epoch. Starting at `from` gives what the stream from 0 gives there. Throws ArgumentError.
 */
export async function* mixtureStream<T>({ parts, seed, from = 0 }: MixtureOptions<T>): AsyncGenerator<Drawn<T>> {
  const cumulative = cumulativeShares(parts);
  const drawn = parts.map(() => 0);
  const orders = parts.map(({ source }, part) => epochOrder(source.length, seed * 31 + part));
  const random = seededRandom(seed);
  for (let index = 0; ; index++) {
    // earlier places are only counted: a million take a few milliseconds
    const part = pick(random, cumulative);
    const nth = drawn[part]++;
    if (index < from) continue;
    const { source } = parts[part];
    yield { index, source: source.name, sample: await source.at(orders[part](nth)) };
  }
}

/** Sources one after another, each with its share of `count` draws; as `mixtureStream`, a function of (seed, index). */
export async function* sequenceStream<T>({
  parts,
  seed,
  from = 0,
  count,
}: MixtureOptions<T> & { readonly count: number }): AsyncGenerator<Drawn<T>> {
  const cumulative = cumulativeShares(parts);
  const total = cumulative[cumulative.length - 1];
  const ends = cumulative.map((share) => Math.round((share / total) * count));
  for (const [i, part] of parts.entries()) {
    const begin = i === 0 ? 0 : ends[i - 1];
    if (from >= ends[i]) continue;
    const own = mixtureStream({ parts: [part], seed: seed + 7 * i, from: Math.max(0, from - begin) });
    for await (const drawn of own) {
      const index = begin + drawn.index;
      if (index >= ends[i]) break;
      yield { ...drawn, index };
    }
  }
}

function pick(random: Random, cumulative: readonly number[]): number {
  const at = random.next() * cumulative[cumulative.length - 1];
  const found = cumulative.findIndex((end) => at < end);
  return found < 0 ? cumulative.length - 1 : found;
}

function cumulativeShares<T>(parts: readonly MixturePart<T>[]): readonly number[] {
  let total = 0;
  const cumulative = parts.map(({ source, weight }) => {
    if (!(weight > 0) || source.length === 0) {
      throw new ArgumentError(
        `Source ${source.name} has weight ${weight} and ${source.length ?? "endless"} samples.`,
        "Give every source a positive weight and at least one sample.",
      );
    }
    total += weight;
    return total;
  });
  if (total === 0) throw new ArgumentError("The mixture has no source.", "Name at least one data source.");
  return cumulative;
}

/** The n-th draw of a source as an index into it: a new order of all samples for every epoch. */
function epochOrder(length: number | undefined, seed: number): (nth: number) => number {
  if (length === undefined) return (nth) => nth;
  let epoch = -1;
  let order = new Uint32Array(0);
  return (nth) => {
    const wanted = Math.floor(nth / length);
    if (wanted !== epoch) {
      epoch = wanted;
      order = shuffled(length, seededRandom(seed * 104729 + epoch));
    }
    return order[nth % length];
  };
}

/** Fisher and Yates. */
function shuffled(length: number, random: Random): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** A list as a source. */
export function listSource<T>(name: string, samples: readonly T[]): SampleSource<T> {
  return { name, length: samples.length, at: (index) => samples[index] };
}
