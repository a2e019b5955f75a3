import { expect, test } from "vitest";
import files from "../../test/golden/image/other-formats.json" with { type: "json" };
import { readOrientation } from "./exif.ts";
import { splitWebpExif } from "./webp-exif.ts";

const turned = new Uint8Array(Buffer.from(files.turnedWebp, "base64"));
const plain = new Uint8Array(Buffer.from(files.webp, "base64"));

test("Exif data is read and hidden, and nothing else changes", () => {
  // a chunk looked for at the wrong place, its padding forgotten, the caller's own bytes written to
  const before = turned.slice();
  const { bytes, exif } = splitWebpExif(turned);
  expect(readOrientation(exif)).toBe(6);
  expect(turned).toEqual(before);
  expect(Buffer.from(bytes).includes("EXIF")).toBe(false);
  // four letters of a name and one byte of flags
  expect(bytes.filter((byte, i) => byte !== turned[i])).toHaveLength(5);
  expect(splitWebpExif(bytes)).toEqual({ bytes, exif: undefined });
  expect(splitWebpExif(plain)).toEqual({ bytes: plain, exif: undefined });
});

test("a file cut anywhere, or with any chunk length, ends", () => {
  // a length of 2³² − 1 that is added to for ever, or read beyond the end
  for (let length = 0; length < turned.length; length += 7) splitWebpExif(turned.subarray(0, length));
  for (let at = 12; at + 4 < turned.length; at += 5) {
    const bytes = turned.slice();
    bytes.fill(255, at, at + 4);
    expect(() => readOrientation(splitWebpExif(bytes).exif)).not.toThrow();
  }
});
