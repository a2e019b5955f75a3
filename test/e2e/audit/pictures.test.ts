import { readFile } from "node:fs/promises";
import { crc32, deflateSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Model } from "../../../src/chat/model.ts";
import { tinyFolder, tinyModel } from "../chat/tiny-model.ts";

const OPTIONS = { temperature: 0, repetitionPenalty: 1, maxNewTokens: 2, ignoresStopTokens: true } as const;
/** What a refusal may take on a busy machine, and how much memory: far below what the claimed pixels would. */
const [MOST_MS, MOST_BYTES] = [5000, 300_000_000];

let model: Model;
beforeAll(async () => {
  model = await tinyModel("v2.6", { threads: 1 });
});
afterAll(() => model[Symbol.asyncDispose]());

function drawn(width: number, height: number): Sharp {
  return sharp({ create: { width, height, channels: 3, background: "#a05030" } });
}

const HUGE = 20_000;

/** Whole and valid: one bit a pixel, all black. */
async function hugePng(): Promise<Buffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(HUGE, 0);
  header.writeUInt32BE(HUGE, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc(HUGE * (1 + HUGE / 8)), { level: 1 });
  const chunks = [chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...chunks]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A small file whose frame header claims more. */
async function claimingJpeg(): Promise<Buffer> {
  const file = await drawn(64, 64).jpeg().toBuffer();
  const frame = file.indexOf(Buffer.of(0xff, 0xc0));
  file.writeUInt16BE(HUGE, frame + 5);
  file.writeUInt16BE(HUGE, frame + 7);
  return file;
}

const ask = (image: Uint8Array) => model.complete([{ role: "user", content: [image, "What is this?"] }], OPTIONS);

// bugs: a slice of no height, an overview rounded to nothing, a grid that differs from the tokens put into the prompt
test.each([
  [28, 1400, 1],
  [3000, 200, 5],
  [1, 1, 1],
  [1, 1400, 1],
] as const)("%i×%i pixels are seen in %i views and answered", async (width, height, views) => {
  for (const file of [await drawn(width, height).png().toBuffer(), await drawn(width, height).jpeg().toBuffer()]) {
    const { usage } = await ask(file);
    expect([usage.pictureTokens, usage.completionTokens]).toEqual([64 * views, 2]);
  }
});

const small = await readFile(`${tinyFolder()}/landscape.png`);

// bugs: pixels allocated because a header claims them, half a picture described as a whole, a stack trace, a model that is of no
// use afterwards
test.each([
  ["20,000×20,000 as JPEG", claimingJpeg, "E_IMAGE_TOO_LARGE", /20000×20000/],
  ["20,000×20,000 as PNG", hugePng, "E_IMAGE_TOO_LARGE", /20000×20000/],
  ["no bytes", async () => Buffer.alloc(0), "E_IMAGE_FORMAT", /0 bytes/],
  ["a PNG cut short", async () => small.subarray(0, 2000), "E_IMAGE_TRUNCATED", /breaks off/],
  ["a text", async () => Buffer.from("hello, this is no picture"), "E_IMAGE_FORMAT", /no picture/],
] as const)("%s is refused in words, in little time and memory", async (_what, make, code, message) => {
  const file = new Uint8Array(await make());
  const before = process.memoryUsage();
  const start = performance.now();
  const failure: unknown = await ask(file).catch((error: unknown) => error);
  const after = process.memoryUsage();
  expect(failure).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(/\w/) });
  expect(performance.now() - start).toBeLessThan(MOST_MS);
  expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(MOST_BYTES);
  expect((await ask(small)).usage.completionTokens).toBe(2);
});
