import fc from "fast-check";
import { expect, test } from "vitest";
import heic from "../../../test/golden/image/heic.json" with { type: "json" };
import files from "../../../test/golden/image/other-formats.json" with { type: "json" };
import { MiniCpmError } from "../../base/errors.ts";
import { decodeImage } from "../decode-image.ts";
import { nodeImageDecoders } from "./node-image-decoders.ts";

const decoders = nodeImageDecoders();
const MAX_PIXELS = 1_000_000;
const RUNS = 60;
const SEED = 20261127;
/** One picture; normal is a few milliseconds. */
const BUDGET_MS = 5000;

const corpus = { webp: files.turnedWebp, gif: files.gif, avif: files.avif, tiff: files.tiff, heic: heic.file };

/** Bytes replaced, extreme ones among them, then cut short now and then. */
function mutations(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  // the signature stays, or nearly all would be refused for having none
  const place = fc.integer({ min: 12, max: original.length - 1 });
  const edit = fc.tuple(
    place,
    fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.constant(new Uint8Array(4).fill(255))),
  );
  const length = fc.oneof({ weight: 3, arbitrary: fc.constant(original.length) }, { weight: 1, arbitrary: place });
  return fc.tuple(fc.array(edit, { maxLength: 4 }), length).map(([edits, kept]) => {
    const bytes = new Uint8Array(original);
    for (const [at, replacement] of edits) bytes.set(replacement.subarray(0, bytes.length - at), at);
    return bytes.subarray(0, kept);
  });
}

test.each(Object.entries(corpus))(
  "a mutated %s gives a picture or a typed error in bounded time",
  async (_, base64) => {
    // an error of a library without a type, pixels allocated for what a header claims, or a picture of another length than its size
    await fc.assert(
      fc.asyncProperty(mutations(new Uint8Array(Buffer.from(base64, "base64"))), async (bytes) => {
        const started = performance.now();
        const outcome = await decodeImage(bytes, { decoders, maxPixels: MAX_PIXELS }).catch((error: unknown) => error);
        expect(performance.now() - started).toBeLessThan(BUDGET_MS);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(MiniCpmError);
          return;
        }
        const { image } = outcome as Awaited<ReturnType<typeof decodeImage>>;
        expect(image.data.length).toBe(image.width * image.height * 3);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  },
);
