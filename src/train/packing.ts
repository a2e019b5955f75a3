import { present } from "../base/invariant.ts";

/** What a sample takes of a pack. */
export interface PackedSize {
  readonly tokens: number;
  readonly patches: number;
  readonly views: number;
}

/** Room that one pack has. */
export type PackRoom = PackedSize;

/** Indices of the samples of each pack. */
export type Packing = readonly (readonly number[])[];

interface Bin {
  readonly members: number[];
  tokens: number;
  patches: number;
  views: number;
}

/** True where a sample of this size fits an empty pack. */
export function fitsRoom(size: PackedSize, room: PackRoom): boolean {
  return size.tokens <= room.tokens && size.patches <= room.patches && size.views <= room.views;
}

/**
 * Best fit decreasing: longest samples first, each into the fullest pack that still takes it. Whole samples only, so that
 * no picture and no answer is ever cut. Samples that fit no pack are the caller's to refuse beforehand (`fitsRoom`).
 */
export function packBestFit(sizes: readonly PackedSize[], room: PackRoom): Packing {
  const bins: Bin[] = [];
  const order = sizes.map((_, i) => i).sort((a, b) => sizes[b].tokens - sizes[a].tokens || a - b);
  for (const index of order) {
    const size = sizes[index];
    let best: Bin | undefined;
    for (const bin of bins) {
      if (takes(bin, size, room) && (best === undefined || bin.tokens > best.tokens)) best = bin;
    }
    put(best ?? open(bins), index, size);
  }
  // in the order of their first samples, so that a stage's order of data survives as far as packing allows
  return bins.map(({ members }) => members.sort((a, b) => a - b)).sort((a, b) => a[0] - b[0]);
}

/** Next fit: keeps the order of the samples, for stages whose late data shapes the style (paper §4.2). */
export function packNextFit(sizes: readonly PackedSize[], room: PackRoom): Packing {
  const bins: Bin[] = [];
  for (const [index, size] of sizes.entries()) {
    const last = bins.at(-1);
    put(last !== undefined && takes(last, size, room) ? last : open(bins), index, size);
  }
  return bins.map(({ members }) => members);
}

function open(bins: Bin[]): Bin {
  bins.push({ members: [], tokens: 0, patches: 0, views: 0 });
  return present(bins.at(-1), "the pack just opened");
}

function takes(bin: Bin, size: PackedSize, room: PackRoom): boolean {
  const { tokens, patches, views } = bin;
  return fitsRoom({ tokens: tokens + size.tokens, patches: patches + size.patches, views: views + size.views }, room);
}

function put(bin: Bin, index: number, { tokens, patches, views }: PackedSize): void {
  bin.members.push(index);
  bin.tokens += tokens;
  bin.patches += patches;
  bin.views += views;
}

/** Share of the packs' token places that hold a sample's token. */
export function packFill(packing: Packing, sizes: readonly PackedSize[], room: PackRoom): number {
  const used = sizes.reduce((sum, { tokens }) => sum + tokens, 0);
  return packing.length === 0 ? 0 : used / (packing.length * room.tokens);
}
