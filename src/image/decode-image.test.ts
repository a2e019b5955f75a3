import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import jpeg from "../../test/golden/image/jpeg.json" with { type: "json" };
import png from "../../test/golden/image/png.json" with { type: "json" };
import { decodeImage } from "./decode-image.ts";
import { readOrientation } from "./exif.ts";
import { sniffFormat } from "./image-format.ts";
import { crc32 } from "./png/crc32.ts";

const utf8 = new TextEncoder();

function fileNamed(files: readonly { name: string; file: string }[], name: string): Uint8Array {
  const found = files.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no golden file named ${name}`);
  return new Uint8Array(Buffer.from(found.file, "base64"));
}

const photo = fileNamed(jpeg.files, "baseline 2x2 37x29");
const picture = fileNamed(png.files, "type 2 depth 8 interlaced False 13x9");

test("zero bytes, a text file and noise are no picture", async () => {
  // a decoder chosen by file name would hang on or misread them
  await expect(decodeImage(new Uint8Array())).rejects.toMatchObject({
    code: "E_IMAGE_FORMAT",
    message: expect.stringMatching(/0 bytes/),
  });
  await expect(decodeImage(utf8.encode("hello, not a jpeg"))).rejects.toMatchObject({
    code: "E_IMAGE_FORMAT",
    message: expect.stringMatching(/68 65 6c 6c/),
  });
});

test.each([
  ["jpeg", photo],
  ["png", picture],
] as const)("a %s cut anywhere is an error or the whole picture, never part of one", async (_format, bytes) => {
  // half a picture with a gray rest would be described as if it were whole
  const whole = await decodeImage(bytes);
  for (let length = 0; length < bytes.length; length += 3) {
    const outcome = await decodeImage(bytes.slice(0, length)).catch((error: unknown) => error);
    if (outcome instanceof Error)
      expect(outcome).toMatchObject({ code: expect.stringMatching(/^E_IMAGE_(FORMAT|TRUNCATED|CORRUPT)$/) });
    else expect(outcome).toEqual(whole);
  }
});

test("a header that claims a huge JPEG is refused before allocation", async () => {
  // 65500×65500 would take 12 GB of coefficients
  const bytes = photo.slice();
  const frame = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xc0);
  new DataView(bytes.buffer).setUint16(frame + 5, 65500);
  new DataView(bytes.buffer).setUint16(frame + 7, 65500);
  await expect(decodeImage(bytes)).rejects.toMatchObject({ code: "E_IMAGE_TOO_LARGE" });
  await expect(decodeImage(bytes, { maxPixels: 2 ** 40 })).rejects.toMatchObject({ code: "E_IMAGE_TRUNCATED" });
});

test("a header that claims a huge PNG is refused before allocation", async () => {
  const bytes = picture.slice();
  const view = new DataView(bytes.buffer);
  view.setUint32(16, 20000);
  view.setUint32(20, 20000);
  view.setUint32(29, crc32(bytes.subarray(12, 29)));
  await expect(decodeImage(bytes)).rejects.toMatchObject({
    code: "E_IMAGE_TOO_LARGE",
    message: expect.stringMatching(/20000×20000/),
  });
  await expect(decodeImage(bytes, { maxPixels: 2 ** 40 })).rejects.toMatchObject({ code: "E_IMAGE_TRUNCATED" });
});

test("a JPEG with an empty scan header is corrupt", async () => {
  // found by mutation: undefined compares false to every limit
  const bytes = photo.slice();
  const scan = bytes.findIndex((byte, i) => byte === 0xff && bytes[i + 1] === 0xda);
  bytes.set([0, 2], scan + 2);
  await expect(decodeImage(bytes)).rejects.toMatchObject({ code: "E_IMAGE_CORRUPT" });
});

test("maxPixels refuses a picture one pixel too large", async () => {
  expect((await decodeImage(photo, { maxPixels: 37 * 29 })).image.width).toBe(37);
  await expect(decodeImage(photo, { maxPixels: 37 * 29 - 1 })).rejects.toMatchObject({ code: "E_IMAGE_TOO_LARGE" });
});

test("a PNG cut in its picture data is truncated, not corrupt", async () => {
  // the advice differs: fetch it again, not save it again
  await expect(decodeImage(picture.slice(0, 120))).rejects.toMatchObject({ code: "E_IMAGE_TRUNCATED" });
});

test("a damaged PNG chunk is named", async () => {
  // without the checksum, flipped bits would become wrong pixels
  const bytes = picture.slice();
  bytes[bytes.length - 30] ^= 1;
  await expect(decodeImage(bytes)).rejects.toMatchObject({
    code: "E_IMAGE_CORRUPT",
    message: expect.stringMatching(/IDAT/),
  });
});

test("a recognised format without a decoder says what to install", async () => {
  const webp = utf8.encode("RIFF\0\0\0\0WEBPVP8 ");
  await expect(decodeImage(webp)).rejects.toMatchObject({
    format: "webp",
    hint: expect.stringMatching(/npm install sharp/),
  });
  const heic = utf8.encode("\0\0\0\x18ftypmif1\0\0\0\0mif1heic");
  await expect(decodeImage(heic)).rejects.toMatchObject({ format: "heic", hint: expect.stringMatching(/libheif-js/) });
});

test.each([
  ["gif", "GIF89a"],
  ["avif", "\0\0\0\x1cftypmif1\0\0\0\0mif1avif"],
  ["heic", "\0\0\0\x18ftypheic\0\0\0\0mif1heic"],
  ["tiff", "II*\0"],
  ["svg", '<?xml version="1.0"?>\n<!-- a drawing -->\n<svg xmlns="http://www.w3.org/2000/svg">'],
  [undefined, "<?xml version='1.0'?><html>"],
  [undefined, "\0\0\0\x10ftypisom\0\0\0\0"],
])("%s is recognised by its first bytes", (format, text) => {
  // an MP4 or a web page taken for a picture would fail later with a puzzling message
  expect(sniffFormat(Uint8Array.from(text, (character) => character.charCodeAt(0)))).toBe(format);
});

test("the orientation is reported, and 1 where it was ignored", async () => {
  const turned = fileNamed(jpeg.files, "orientation 6");
  expect(await decodeImage(turned)).toMatchObject({
    orientation: 6,
    stored: { width: 13, height: 9 },
    image: { width: 9 },
  });
  expect(await decodeImage(turned, { applyOrientation: false })).toMatchObject({
    orientation: 1,
    image: { width: 13 },
  });
});

test("damaged Exif data means upright", () => {
  // an entry table that points past the end must not throw: the picture itself is fine
  expect(readOrientation(utf8.encode("II*\0\xff\xff\xff\xff"))).toBe(1);
  expect(readOrientation(Uint8Array.of(0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0xff, 0xff))).toBe(1);
  expect(
    readOrientation(Uint8Array.of(0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 9, 0, 0)),
  ).toBe(1);
});

test("no file of this layer reaches for Node or a package at import", async () => {
  // the layer must load in a page: only the node folder may name packages
  for (const name of ["decode-image", "jpeg/decode-jpeg", "png/decode-png", "png/zlib", "views", "draw-slice-plan"]) {
    const source = await readFile(new URL(`./${name}.ts`, import.meta.url), "utf8");
    expect(source).not.toMatch(/from "(node:|[a-z@])/);
  }
});
