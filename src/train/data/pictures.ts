import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { type DecodeOptions, decodeImage } from "../../image/decode-image.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import { DataSampleError } from "../errors.ts";
import type { PlacedSample } from "./sample.ts";

const DATA_URI = /^data:[^,]*;base64,/;

/** Pixels of a sample's pictures, paths taken from `folder`. Throws DataSampleError naming the sample and the picture. */
export async function loadPictures(
  sample: Pick<PlacedSample, "images" | "place">,
  folder: string,
  options: DecodeOptions = {},
): Promise<readonly RgbImage[]> {
  return Promise.all(
    sample.images.map(async (image) => {
      const bytes = await pictureBytes(sample, image, folder);
      try {
        return (await decodeImage(bytes, options)).image;
      } catch (cause) {
        const said = cause instanceof Error ? cause.message : String(cause);
        throw new DataSampleError(
          sample.place,
          `its picture ${shorten(image)} cannot be read: ${said}`,
          "Replace the picture or take the sample out.",
          { cause },
        );
      }
    }),
  );
}

async function pictureBytes(sample: Pick<PlacedSample, "place">, image: string, folder: string): Promise<Uint8Array> {
  if (DATA_URI.test(image)) return Buffer.from(image.replace(DATA_URI, ""), "base64");
  try {
    return await readFile(isAbsolute(image) ? image : join(folder, image));
  } catch (cause) {
    const problem = `its picture ${shorten(image)} is not there`;
    throw new DataSampleError(sample.place, problem, "Correct the path; paths start at the data file's folder.", {
      cause,
    });
  }
}

/** A data: URI would fill a screen. */
function shorten(image: string): string {
  return image.length > 80 ? `${image.slice(0, 60)}… (${image.length} characters)` : image;
}
