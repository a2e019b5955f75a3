import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import type { RgbImage } from "../../image/rgb-image.ts";
import { DataSampleError, RecipeError } from "../errors.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import type { RecipeStage } from "../recipe/recipe.ts";
import { DATA_FORMATS, detectFormat } from "./formats.ts";
import { loadPictures } from "./pictures.ts";
import type { PlacedSample } from "./sample.ts";
import type { MixturePart } from "./stream.ts";

/** Turns a conversation and its pictures into what the model reads. */
export type EncodeSample = (
  sample: PlacedSample,
  pictures: readonly RgbImage[],
  stage: RecipeStage,
) => EncodedSample | Promise<EncodedSample>;

/**
 * Sources of a stage from the files that its recipe names, paths taken from `folder`. Conversations are read at once, so that
 * every broken sample shows before training; pictures as they come. Throws DataSampleError, or RecipeError for a source
 * that the recipe writes down without a file.
 */
export async function fileSources(
  stage: RecipeStage,
  { folder, encode }: { readonly folder: string; readonly encode: EncodeSample },
): Promise<readonly MixturePart<EncodedSample>[]> {
  return Promise.all(
    stage.data.map(async ({ name, file, format, weight }) => {
      if (file === undefined) {
        const hint = "Name a file of conversations for it, or plan the recipe instead of running it.";
        throw new RecipeError(`stages.${stage.name}.data`, `has no file for ${JSON.stringify(name)}`, hint);
      }
      const path = isAbsolute(file) ? file : join(folder, file);
      const text = await readFile(path, "utf8").catch((cause: unknown) => {
        throw new DataSampleError({ file: path }, "the data file cannot be read", "Check the path in the recipe.", {
          cause,
        });
      });
      const samples = DATA_FORMATS[format ?? detectFormat(text)].read(text, path);
      if (samples.length === 0) throw new DataSampleError({ file: path }, "the data file has no samples");
      const at = async (index: number): Promise<EncodedSample> => {
        const sample = samples[index];
        return encode(sample, await loadPictures(sample, dirname(path)), stage);
      };
      return { source: { name, length: samples.length, at }, weight: weight ?? samples.length };
    }),
  );
}
