import { readFileSync } from "node:fs";
import fc from "fast-check";
import { test } from "vitest";
import { MiniCpmError } from "../base/errors.ts";
import type { ByteSource } from "../io/byte-source.ts";
import { memorySource } from "../io/memory-source.ts";
import { openCheckpoint } from "./open-checkpoint.ts";
import { dequantise } from "./quant/dequantise.ts";
import { BLOCK_FORMATS } from "./quant/formats.ts";

const SEED = 20261122;
const RUNS = 400;
/** No header may make the reader ask for more than this at once, however large the file. */
const MAX_READ_BYTES = 1 << 28;

const golden = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../test/golden/gguf/${name}`, import.meta.url)));

function indexFile(): Uint8Array {
  const map = { "a.weight": "one.safetensors", "b.bias": "one.safetensors" };
  return new TextEncoder().encode(JSON.stringify({ metadata: { total_size: 20 }, weight_map: map }));
}

function safetensorsFile(): Uint8Array {
  const header = new TextEncoder().encode(
    JSON.stringify({
      __metadata__: { format: "pt" },
      "a.weight": { dtype: "BF16", shape: [2, 3], data_offsets: [0, 12] },
      "b.bias": { dtype: "F32", shape: [2], data_offsets: [12, 20] },
    }),
  );
  const bytes = new Uint8Array(8 + header.length + 20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  return bytes;
}

const gguf = golden("mixed.gguf");
const otherPart = golden("split-00002-of-00003.gguf");
const safetensors = safetensorsFile();

/** A few bytes replaced, runs of extreme ones included, then cut short. */
function mutations(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const place = fc.nat({ max: original.length - 1 });
  const edit = fc.tuple(
    place,
    fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.constant(new Uint8Array(8).fill(255))),
  );
  const lengths = fc.oneof({ weight: 3, arbitrary: fc.constant(original.length) }, { weight: 1, arbitrary: place });
  return fc.tuple(fc.array(edit, { minLength: 0, maxLength: 4 }), lengths).map(([edits, length]) => {
    const bytes = new Uint8Array(original);
    for (const [at, replacement] of edits) bytes.set(replacement.subarray(0, bytes.length - at), at);
    return bytes.subarray(0, length);
  });
}

function watched(bytes: Uint8Array, claimedBytes = bytes.length, fileName = "mutant"): ByteSource {
  const source = memorySource(bytes, fileName);
  return {
    name: source.name,
    sizeBytes: claimedBytes,
    close: source.close,
    async read(offsetBytes, lengthBytes) {
      if (lengthBytes > MAX_READ_BYTES) throw new Error(`a read of ${lengthBytes} bytes was asked for`);
      if (offsetBytes + lengthBytes <= bytes.length) return source.read(offsetBytes, lengthBytes);
      const padded = new Uint8Array(lengthBytes);
      padded.set(bytes.subarray(offsetBytes, offsetBytes + lengthBytes));
      return padded;
    },
  };
}

/** Tensors of a mutated directory may be as large as the file says it is; reading those proves nothing. */
const bytesOfSmallTensor = 1 << 20;

/** Opens and reads everything: it works, or throws a typed error. */
async function openAndRead(source: ByteSource): Promise<void> {
  const openSibling = async (fileName: string): Promise<ByteSource> =>
    memorySource(fileName.endsWith(".gguf") ? otherPart : safetensors, fileName);
  try {
    const checkpoint = await openCheckpoint(source, { openSibling });
    for (const name of checkpoint.names) {
      const tensor = checkpoint.tensor(name);
      if (tensor.byteLength > bytesOfSmallTensor) continue;
      const elementCount = tensor.shape.reduce((product, size) => product * size, 1);
      dequantise(tensor.type, await tensor.read(), elementCount);
    }
  } catch (error) {
    if (!(error instanceof MiniCpmError)) throw error;
  }
}

// Catches RangeErrors from DataView, TypeErrors from JSON, unbounded loops and allocations that a header merely claims.
test.each([
  ["GGUF", gguf],
  ["split-00001-of-00003.gguf", golden("split-00001-of-00003.gguf")],
  ["safetensors", safetensors],
  ["safetensors index", indexFile()],
])("a mutated %s file opens or fails with a typed error", async (fileName, original) => {
  await fc.assert(
    fc.asyncProperty(mutations(original), (bytes) => openAndRead(watched(bytes, bytes.length, fileName))),
    { seed: SEED, numRuns: RUNS },
  );
});

// The same in a file that says to be 5 GB: claims then fit the file, and still must not be believed at once.
test("a mutated GGUF header of a huge file fails without huge reads", async () => {
  await fc.assert(
    fc.asyncProperty(mutations(gguf), async (bytes) => {
      await openAndRead(watched(bytes, 5e9));
    }),
    { seed: SEED, numRuns: RUNS },
  );
});

test("random bytes are refused with a typed error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), (bytes) => openAndRead(watched(bytes))),
    { seed: SEED, numRuns: RUNS },
  );
});

test("random blocks of every type decode to as many numbers, or fail with a typed error", () => {
  fc.assert(
    fc.property(fc.constantFrom(...BLOCK_FORMATS), fc.uint8Array({ maxLength: 300 }), ({ type, elements }, bytes) => {
      try {
        return dequantise(type, bytes, elements).length === elements;
      } catch (error) {
        return error instanceof MiniCpmError;
      }
    }),
    { seed: SEED, numRuns: RUNS },
  );
});
