import { describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode-image.ts";
import { applyOrientation } from "../../../src/image/orientation.ts";
import { webImageDecoders } from "../../../src/image/web/web-image-decoders.ts";
import jpeg from "../../golden/image/jpeg.json" with { type: "json" };
import files from "../../golden/image/other-formats.json" with { type: "json" };
import png from "../../golden/image/png.json" with { type: "json" };
import { testPicture } from "../../golden/image/test-picture.ts";

const decoders = webImageDecoders();
const picture = testPicture(21, 13, 2);

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

async function sha256(data: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(data)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function furthest(found: Uint8Array, wanted: Uint8Array): number {
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i])), 0);
}

describe("in this browser", () => {
  // catches colour management, premultiplied alpha and row padding, which the same files in Node do not show
  test.each([
    ["webp", 0],
    ["avif", 2], // stores YCbCr even when "lossless"
  ] as const)("a lossless %s has the pixels that it has in Node, within %i", async (format, limit) => {
    const decoded = await decodeImage(bytesOf(files[format]), { decoders });
    expect([decoded.format, decoded.image.width, decoded.image.height]).toEqual([format, 21, 13]);
    expect(furthest(decoded.image.data, picture.data)).toBeLessThanOrEqual(limit);
  });

  // catches a picture turned never, or twice: Chromium leaves WebP as stored, others may turn it; and one turned although it was not to be
  test("a WebP that is stored turned comes upright, once", async () => {
    const { image } = await decodeImage(bytesOf(files.turnedWebp), { decoders });
    const upright = applyOrientation(picture, 6);
    expect([image.width, image.height]).toEqual([13, 21]);
    expect(furthest(image.data, upright.data)).toBe(0);
    const { image: stored } = await decodeImage(bytesOf(files.turnedWebp), { decoders, applyOrientation: false });
    expect([stored.width, stored.height, furthest(stored.data, picture.data)]).toEqual([21, 13, 0]);
  });

  // catches frames blended, or the last of them
  test("a GIF of several frames gives its first", async () => {
    const { image } = await decodeImage(bytesOf(files.gif), { decoders });
    expect([image.width, image.height, ...new Set(image.data)]).toEqual([6, 4, 10]);
  });

  // catches an SVG that is drawn at another size than it states
  test("an SVG is drawn", async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><rect width="8" height="6" fill="#f00"/></svg>';
    const { image } = await decodeImage(new TextEncoder().encode(svg), { decoders });
    expect([image.width, image.height, ...image.data.slice(0, 3)]).toEqual([8, 6, 255, 0, 0]);
  });

  // catches a format that this browser lacks being reported as a damaged file, or as no picture
  test("TIFF is refused by name", async () => {
    await expect(decodeImage(bytesOf(files.tiff), { decoders })).rejects.toMatchObject({
      code: "E_IMAGE_FORMAT",
      format: "tiff",
      message: expect.stringMatching(/cannot decode the tiff picture/),
    });
  });

  // catches the browser's own decoder, with its own rounding, in place of ours
  test("JPEG and PNG have the reference's bytes", async () => {
    for (const { name, file, upright } of [...jpeg.files, ...png.files]) {
      const { image } = await decodeImage(bytesOf(file), { decoders });
      expect((await sha256(image.data)).slice(0, upright.length), name).toBe(upright);
    }
  });
});
