import sharp from "sharp";
import { expect, test } from "vitest";
import heic from "../../../test/golden/image/heic.json" with { type: "json" };
import { testPicture } from "../../../test/golden/image/test-picture.ts";
import { decodeImage } from "../decode-image.ts";
import { nodeImageDecoders } from "./node-image-decoders.ts";

const decoders = nodeImageDecoders();
const picture = testPicture(21, 13, 2);
const raw = { raw: { width: 21, height: 13, channels: 3 } } as const;

test.each([
  ["webp", await sharp(picture.data, raw).webp({ lossless: true }).toBuffer()],
  ["tiff", await sharp(picture.data, raw).tiff({ compression: "lzw" }).toBuffer()],
  ["avif", await sharp(picture.data, raw).avif({ lossless: true, chromaSubsampling: "4:4:4" }).toBuffer()],
] as const)("a lossless %s gives back its pixels", async (format, file) => {
  // a colour conversion, an alpha channel or row padding left in would shift pixels
  const decoded = await decodeImage(new Uint8Array(file), { decoders });
  expect(decoded.format).toBe(format);
  expect([decoded.image.width, decoded.image.height]).toEqual([21, 13]);
  const furthest = decoded.image.data.reduce((most, value, i) => Math.max(most, Math.abs(value - picture.data[i])), 0);
  expect(furthest).toBeLessThanOrEqual(format === "avif" ? 2 : 0); // AVIF stores YCbCr even when "lossless"
});

test("a gray GIF and an SVG become RGB", async () => {
  const gray = await sharp({ create: { width: 4, height: 3, channels: 3, background: "#808080" } })
    .gif()
    .toBuffer();
  expect([...new Set((await decodeImage(new Uint8Array(gray), { decoders })).image.data)]).toEqual([128]);
  const svg = new TextEncoder().encode(
    '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><rect width="8" height="6" fill="#f00"/></svg>',
  );
  const drawn = await decodeImage(svg, { decoders });
  expect([drawn.format, drawn.image.width, ...drawn.image.data.slice(0, 3)]).toEqual(["svg", 8, 255, 0, 0]);
});

test("alpha is dropped, not blended", async () => {
  // blending with black would darken what Pillow's convert("RGB") keeps
  const half = await sharp(Uint8Array.of(200, 100, 50, 0), { raw: { width: 1, height: 1, channels: 4 } })
    .webp({ lossless: true, exact: true })
    .toBuffer();
  expect([...(await decodeImage(new Uint8Array(half), { decoders })).image.data]).toEqual([200, 100, 50]);
});

test.each(["webp", "tiff", "avif"] as const)("a turned %s comes upright, once", async (format) => {
  // TIFF has its orientation in its own tags, and AVIF in its container as well as in Exif: turned never, or twice
  const lossless = { webp: { lossless: true }, tiff: { compression: "lzw" }, avif: { quality: 100 } } as const;
  const stored = await sharp(picture.data, raw).withMetadata({ orientation: 6 })[format](lossless[format]).toBuffer();
  const { image } = await decodeImage(new Uint8Array(stored), { decoders });
  expect([image.width, image.height]).toEqual([13, 21]);
  const upright = await sharp(picture.data, raw).rotate(90).raw().toBuffer();
  const furthest = image.data.reduce((most, value, i) => Math.max(most, Math.abs(value - upright[i])), 0);
  expect(furthest).toBeLessThanOrEqual(format === "avif" ? 40 : 0);
});

test("the orientation of a WebP is reported with the size as stored", async () => {
  const file = await sharp(picture.data, raw).withMetadata({ orientation: 6 }).webp({ lossless: true }).toBuffer();
  const decoded = await decodeImage(new Uint8Array(file), { decoders });
  expect(decoded).toMatchObject({ orientation: 6, stored: { width: 21, height: 13 }, image: { width: 13 } });
});

test("a GIF of several frames gives its first", async () => {
  // sharp stacks frames into one tall picture unless it is told otherwise
  const frame = (gray: number) =>
    sharp(new Uint8Array(6 * 4 * 3).fill(gray), { raw: { width: 6, height: 4, channels: 3 } });
  const frames = await Promise.all([10, 240].map((gray) => frame(gray).png().toBuffer()));
  const file = await sharp(frames, { join: { animated: true } })
    .gif({ delay: [100, 100] })
    .toBuffer();
  expect((await sharp(file).metadata()).pages).toBe(2);
  const { image } = await decodeImage(new Uint8Array(file), { decoders });
  expect([image.width, image.height, ...new Set(image.data)]).toEqual([6, 4, 10]);
});

test("a truncated WebP and a broken HEIC are typed errors", async () => {
  const file = await sharp(picture.data, raw).webp({ lossless: true }).toBuffer();
  const cut = new Uint8Array(file.subarray(0, file.length / 2));
  await expect(decodeImage(cut, { decoders })).rejects.toMatchObject({ code: "E_IMAGE_CORRUPT" });
  const broken = Uint8Array.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", (character) => character.charCodeAt(0));
  await expect(decodeImage(broken, { decoders })).rejects.toMatchObject({ code: "E_IMAGE_CORRUPT" });
});

test("maxPixels holds for sharp's formats", async () => {
  const file = await sharp(picture.data, raw).webp().toBuffer();
  await expect(decodeImage(new Uint8Array(file), { decoders, maxPixels: 272 })).rejects.toMatchObject({
    code: "E_IMAGE_TOO_LARGE",
  });
});

test("a HEIC file decodes to its picture within the codec's loss", async () => {
  // channel order, row stride or a missing free() would show; the file is a ramp that libheif's heif-enc wrote
  const decoded = await decodeImage(new Uint8Array(Buffer.from(heic.file, "base64")), { decoders });
  expect([decoded.format, decoded.image.width, decoded.image.height]).toEqual(["heic", heic.width, heic.height]);
  const furthest = decoded.image.data.reduce((most, value, i) => {
    const [x, y] = [Math.floor(i / 3) % heic.width, Math.floor(i / 3 / heic.width)];
    return Math.max(most, Math.abs(value - [4 * x, 5 * y, 2 * (x + y)][i % 3]));
  }, 0);
  expect(furthest).toBeLessThanOrEqual(6);
});
