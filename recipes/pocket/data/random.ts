import { type Random, seededRandom } from "../../../src/base/random.ts";

export type { Random };

/** Stream for sample `index` of stream `seed`: any sample can be made without its predecessors. */
export function sampleRandom(seed: number, index: number): Random {
  // `index` may pass 2^32 in a long run, so both halves are mixed in.
  const low = mix(mix(seed >>> 0) ^ (index >>> 0));
  return seededRandom(mix(low ^ Math.floor(index / 2 ** 32)));
}

function mix(value: number): number {
  let z = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 code units: the hash that decides splits, so it must never change. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

export function pick<T>(random: Random, list: readonly T[]): T {
  if (list.length === 0) throw new RangeError("pick: the list is empty.");
  return list[random.below(list.length)];
}

export function chance(random: Random, probability: number): boolean {
  return random.next() < probability;
}

/** Uniform real in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.next();
}

/** Uniform integer in [low, high]. */
export function integer(random: Random, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

/** Draws a key with probability proportional to its weight. */
export function weighted<K extends string>(random: Random, weights: Readonly<Partial<Record<K, number>>>): K {
  const keys = Object.keys(weights) as K[];
  return weightedItem(random, keys, (key) => weights[key] ?? 0);
}

/** Draws an element with probability proportional to its weight. */
export function weightedItem<T>(random: Random, list: readonly T[], weight: (item: T) => number): T {
  let left = random.next() * list.reduce((sum, item) => sum + weight(item), 0);
  for (const item of list) {
    left -= weight(item);
    if (left < 0) return item;
  }
  return list[list.length - 1];
}

export function shuffle<T>(random: Random, list: readonly T[]): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}
