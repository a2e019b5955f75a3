import type { RgbImage } from "../rgb-image.ts";
import { crc32 } from "./crc32.ts";
import { PNG_SIGNATURE } from "./png-chunks.ts";
import { deflate } from "./zlib.ts";

/** Encodes a picture as an 8-bit RGB PNG; rows carry the "up" filter, which suits drawings and photos alike. */
export async function encodePng(image: RgbImage): Promise<Uint8Array> {
  const rowBytes = image.width * 3;
  const raw = new Uint8Array(image.height * (rowBytes + 1));
  for (let y = 0; y < image.height; y++) {
    const from = y * rowBytes;
    const to = y * (rowBytes + 1);
    raw[to] = 2;
    for (let i = 0; i < rowBytes; i++) {
      raw[to + 1 + i] = image.data[from + i] - (y === 0 ? 0 : image.data[from + i - rowBytes]);
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, image.width);
  view.setUint32(4, image.height);
  header.set([8, 2], 8); // 8 bits, RGB; the other bytes are 0
  return concat([
    PNG_SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", await deflate(raw)),
    chunk("IEND", new Uint8Array()),
  ]);
}

function chunk(type: string, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(payload, 8);
  view.setUint32(8 + payload.length, crc32(bytes.subarray(4, 8 + payload.length)));
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
