import fc from "fast-check";
import { expect, test } from "vitest";
import jpeg from "../../test/golden/image/jpeg.json" with { type: "json" };
import png from "../../test/golden/image/png.json" with { type: "json" };
import { MiniCpmError } from "../base/errors.ts";
import { decodeImage } from "./decode-image.ts";
import { crc32 } from "./png/crc32.ts";

const MAX_PIXELS = 4_000_000;
const RUNS = 300;
const BUDGET_MS = 3000; // one picture; normal is a few milliseconds

const jpegs = jpeg.files.map(({ file }) => new Uint8Array(Buffer.from(file, "base64")));
const pngs = png.files.map(({ file }) => new Uint8Array(Buffer.from(file, "base64")));

const edit = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom("set", "flip", "insert", "remove", "cut"),
  value: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 0xff, 0xd0, 0xd8, 0xd9, 0xda, 0xc4)),
});
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

test("mutated JPEGs give a picture or a typed error in bounded time", async () => {
  // a hang, a RangeError from an array index or an allocation by a claimed size
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...jpegs),
      fc.array(edit, { minLength: 1, maxLength: 6 }),
      async (bytes, edits) => {
        await decodesOrThrowsTyped(edits.reduce(applyEdit, bytes));
      },
    ),
    { numRuns: RUNS },
  );
});

test("mutated PNGs, with checksums made right again, give a picture or a typed error", async () => {
  // without new checksums nearly all mutations would stop at the first chunk
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...pngs),
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (bytes, edits, repairs) => {
        const mutated = edits.reduce(applyEdit, bytes);
        await decodesOrThrowsTyped(repairs ? withChecksums(mutated) : mutated);
      },
    ),
    { numRuns: RUNS },
  );
});

test("arbitrary bytes after a signature give a typed error or a picture", async () => {
  const signatures = [Uint8Array.of(0xff, 0xd8, 0xff), pngs[0].slice(0, 8), pngs[0].slice(0, 33)];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...signatures), fc.uint8Array({ maxLength: 300 }), async (signature, rest) => {
      await decodesOrThrowsTyped(Uint8Array.of(...signature, ...rest));
    }),
    { numRuns: RUNS },
  );
});

async function decodesOrThrowsTyped(bytes: Uint8Array): Promise<void> {
  const started = performance.now();
  const outcome = await decodeImage(bytes, { maxPixels: MAX_PIXELS }).catch((error: unknown) => error);
  expect(performance.now() - started).toBeLessThan(BUDGET_MS);
  if (outcome instanceof Error) expect(outcome).toBeInstanceOf(MiniCpmError);
}

function applyEdit(bytes: Uint8Array, { at, kind, value }: Edit): Uint8Array {
  const index = Math.floor(at * bytes.length);
  const copy = bytes.slice();
  if (kind === "cut") return copy.slice(0, index);
  if (kind === "remove") return Uint8Array.of(...copy.slice(0, index), ...copy.slice(index + 1));
  if (kind === "insert") return Uint8Array.of(...copy.slice(0, index), value, ...copy.slice(index));
  if (copy.length > 0) copy[index] = kind === "set" ? value : copy[index] ^ (1 << (value & 7));
  return copy;
}

function withChecksums(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (let at = 8; at + 12 <= copy.length; ) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > copy.length) break;
    view.setUint32(end, crc32(copy.subarray(at + 4, end)));
    at = end + 4;
  }
  return copy;
}
