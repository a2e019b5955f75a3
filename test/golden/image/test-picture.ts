import type { RgbImage } from "../../../src/image/rgb-image.ts";

/** 32-bit hash of an index; reference/image/common.py computes the same numbers. */
export function mix(index: number, seed: number): number {
  let value = (Math.imul(index, 2654435761) + Math.imul(seed, 40503)) >>> 0;
  value = Math.imul(value ^ (value >>> 15), 2246822519);
  value = Math.imul(value ^ (value >>> 13), 3266489917);
  return (value ^ (value >>> 16)) >>> 0;
}

/** Test picture: noise for even seeds, ramps that wrap around for odd ones. */
export function testPicture(width: number, height: number, seed: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const channel = i % 3;
    const pixel = (i - channel) / 3;
    const x = pixel % width;
    const y = (pixel - x) / width;
    data[i] = seed % 2 === 0 ? mix(i, seed) : x * (1 + (seed % 5)) + y * (2 + (seed % 3)) + channel * 53;
  }
  return { width, height, data };
}
