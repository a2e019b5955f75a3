import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { seededRandom } from "../../base/random.ts";
import { gitBlobDigest } from "./git-blob-digest.ts";
import { newSha256, resumeSha256 } from "./sha256.ts";

function randomBytes(count: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length: count }, () => random.below(256));
}

// Padding goes wrong around multiples of 64 and at 55/56 first.
test("equals node:crypto for every length up to 200 and any cut", () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = randomBytes(length, length);
    const cut = length === 0 ? 0 : seededRandom(length).below(length);
    const sum = newSha256();
    sum.update(bytes.subarray(0, cut));
    sum.update(bytes.subarray(cut));
    expect(sum.hex(), `length ${length}, cut ${cut}`).toBe(createHash("sha256").update(bytes).digest("hex"));
  }
});

// A checkpoint that loses the unfinished block would make every resumed transform fail its check.
test("a state saved as JSON goes on to the same sum", () => {
  const bytes = randomBytes(1000, 7);
  for (const cut of [0, 1, 63, 64, 65, 500, 1000]) {
    const first = newSha256();
    first.update(bytes.subarray(0, cut));
    const second = resumeSha256(JSON.parse(JSON.stringify(first.save())));
    second.update(bytes.subarray(cut));
    expect(second.hex(), `cut ${cut}`).toBe(createHash("sha256").update(bytes).digest("hex"));
  }
});

// `git hash-object` of "hello\n" is in git's own documentation.
test("git's name of a file", async () => {
  const digest = gitBlobDigest(6);
  digest.update(new TextEncoder().encode("hello\n"));
  expect(await digest.hex()).toBe("ce013625030ba8dba906f756967f9e9ca394464a");
});
