import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import jpeg from "../../test/golden/image/jpeg.json" with { type: "json" };
import png from "../../test/golden/image/png.json" with { type: "json" };
import { decodeImage } from "./decode-image.ts";

function sha(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

test.each([...jpeg.files, ...png.files])(
  "$name decodes to Pillow's bytes",
  async ({ file, width, height, rgb, upright }) => {
    // any deviation in entropy decoding, transform, upsampling, colour, filters, interlace or EXIF changes a hash
    const bytes = new Uint8Array(Buffer.from(file, "base64"));
    const stored = await decodeImage(bytes, { applyOrientation: false });
    const turned = await decodeImage(bytes);
    expect([stored.image.width, stored.image.height, sha(stored.image.data)]).toEqual([width, height, rgb]);
    expect(sha(turned.image.data)).toBe(upright);
  },
);
