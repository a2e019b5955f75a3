import { present } from "../../base/invariant.ts";
import type { Drawn } from "../data/stream.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import { fitsRoom, type PackedSize, type PackRoom } from "../packing.ts";

/** Samples of one optimiser step, and what is left for the next. */
export interface FilledStep {
  readonly packs: readonly (readonly Drawn<EncodedSample>[])[];
  /** Drawn already and to be placed first in the next step. */
  readonly carried: readonly Drawn<EncodedSample>[];
  /** Where the stream goes on. */
  readonly cursor: number;
}

export interface FillOptions {
  readonly sizeOf: (sample: EncodedSample) => PackedSize;
  readonly room: PackRoom;
  readonly packCount: number;
  readonly packing: "bestFit" | "nextFit";
}

/** Samples that a step may pass over in search of ones that fit better. */
const PATIENCE = 6;

interface OpenPack {
  readonly samples: Drawn<EncodedSample>[];
  used: PackedSize;
}

/**
 * Fills the packs of one optimiser step from a stream, each sample into the fullest pack that takes it; the step closes when
 * a few did not fit (best fit) or one did not (next fit, which keeps the order). A function of the stream and `carried`
 * alone, so that a resumed run packs as the run that was cut off would have.
 */
export async function fillStep(
  stream: AsyncIterator<Drawn<EncodedSample>>,
  { carried, cursor }: Pick<FilledStep, "carried" | "cursor">,
  options: FillOptions,
): Promise<FilledStep> {
  const packs: OpenPack[] = Array.from({ length: options.packCount }, () => ({
    samples: [],
    used: { tokens: 0, patches: 0, views: 0 },
  }));
  const left: Drawn<EncodedSample>[] = [];
  const place = (drawn: Drawn<EncodedSample>): void => {
    const size = options.sizeOf(drawn.sample);
    const pack = left.length > 0 && options.packing === "nextFit" ? undefined : choose(packs, size, options);
    if (pack === undefined) {
      left.push(drawn);
      return;
    }
    pack.samples.push(drawn);
    pack.used = sum(pack.used, size);
  };
  for (const drawn of carried) place(drawn);
  const patience = options.packing === "nextFit" ? 1 : PATIENCE;
  let next = cursor;
  while (left.length < patience) {
    const { value, done } = await stream.next();
    if (done === true) break;
    const drawn: Drawn<EncodedSample> = present(value, "the sample drawn");
    next = drawn.index + 1;
    place(drawn);
  }
  return { packs: packs.map(({ samples }) => samples).filter((pack) => pack.length > 0), carried: left, cursor: next };
}

function choose(packs: readonly OpenPack[], size: PackedSize, { room, packing }: FillOptions): OpenPack | undefined {
  const fitting = packs.filter(({ used }) => fitsRoom(sum(used, size), room));
  if (packing === "nextFit") {
    // only the last pack begun, or the first that is still empty
    const begun = packs.findLastIndex(({ samples }) => samples.length > 0);
    return fitting.find((pack) => packs.indexOf(pack) >= begun);
  }
  return fitting.reduce<OpenPack | undefined>(
    (best, pack) => (best === undefined || pack.used.tokens > best.used.tokens ? pack : best),
    undefined,
  );
}

function sum(a: PackedSize, b: PackedSize): PackedSize {
  return { tokens: a.tokens + b.tokens, patches: a.patches + b.patches, views: a.views + b.views };
}
