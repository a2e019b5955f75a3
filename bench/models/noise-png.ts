import { crc32, deflateSync } from "node:zlib";
import { seededRandom } from "../../src/base/random.ts";

/** A square of noise: PNG, 8 bit RGB, no filter. */
export function noisePng(side: number): Uint8Array {
  const random = seededRandom(side);
  const rows = Uint8Array.from({ length: side * (1 + 3 * side) }, (_, i) =>
    i % (1 + 3 * side) === 0 ? 0 : random.below(256),
  );
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, side);
  header.setUint32(4, side);
  header.setUint8(8, 8);
  header.setUint8(9, 2);
  const chunks = [
    pngChunk("IHDR", new Uint8Array(header.buffer)),
    pngChunk("IDAT", deflateSync(rows)),
    pngChunk("IEND", new Uint8Array()),
  ];
  return Buffer.concat([Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10), ...chunks]);
}

function pngChunk(kind: string, data: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const frame = Buffer.alloc(body.length + 8);
  frame.writeUInt32BE(data.length, 0);
  frame.set(body, 4);
  frame.writeUInt32BE(crc32(body), body.length + 4);
  return frame;
}
