import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { present } from "../../base/invariant.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import { DataSampleError, RecipeError } from "../errors.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import type { RecipeData, RecipeStage } from "../recipe/recipe.ts";
import { type DenseSample, readDense } from "./dense-file.ts";
import { DATA_FORMATS, detectFormat } from "./formats.ts";
import { loadPictures } from "./pictures.ts";
import type { PlacedSample } from "./sample.ts";
import type { MixturePart } from "./stream.ts";
import { readTexts, type TextSample } from "./text-file.ts";

/** What a stage's samples become before the model reads them, by what the stage learns from. */
export interface Encoders {
  readonly chat: (sample: PlacedSample, pictures: readonly RgbImage[]) => EncodedSample;
  readonly dense: (sample: DenseSample, picture: RgbImage) => EncodedSample;
  /** One text may become several samples. */
  readonly text: (sample: TextSample) => readonly EncodedSample[];
}

/**
 * Sources of a stage from the files that its recipe names, paths taken from `folder`. Samples are read at once, so that
 * every broken one shows before training; pictures as they come. Throws DataSampleError, or RecipeError for a source
 * that the recipe writes down without a file.
 */
export async function fileSources(
  stage: RecipeStage,
  { folder, encoders }: { readonly folder: string; readonly encoders: Partial<Encoders> },
): Promise<readonly MixturePart<EncodedSample>[]> {
  return Promise.all(
    stage.data.map(async (data) => {
      const { name, file, weight } = data;
      if (file === undefined) {
        const hint = "Name a file for it, or plan the recipe instead of running it.";
        throw new RecipeError(`stages.${stage.name}.data`, `has no file for ${JSON.stringify(name)}`, hint);
      }
      const path = isAbsolute(file) ? file : join(folder, file);
      const text = await readFile(path, "utf8").catch((cause: unknown) => {
        throw new DataSampleError({ file: path }, "the data file cannot be read", "Check the path in the recipe.", {
          cause,
        });
      });
      const source = sourceOf(stage, data, { path, text, encoders });
      if (source.length === 0) throw new DataSampleError({ file: path }, "the data file has no samples");
      return { source: { name, ...source }, weight: weight ?? source.length };
    }),
  );
}

interface DataFile {
  readonly path: string;
  readonly text: string;
  readonly encoders: Partial<Encoders>;
}

interface ListedSource {
  readonly length: number;
  readonly at: (index: number) => Promise<EncodedSample>;
}

function sourceOf({ task }: RecipeStage, { format }: RecipeData, { path, text, encoders }: DataFile): ListedSource {
  const folder = dirname(path);
  switch (task.kind) {
    case "chat": {
      const encode = present(encoders.chat, "an encoder of conversations");
      const samples = DATA_FORMATS[format ?? detectFormat(text)].read(text, path);
      return list(samples, async (sample) => encode(sample, await loadPictures(sample, folder)));
    }
    case "dense": {
      const encode = present(encoders.dense, "an encoder of labelled pictures");
      return list(readDense(text, path), async (sample) => {
        const [picture] = await loadPictures({ images: [sample.image], place: sample.place }, folder);
        return encode(sample, picture);
      });
    }
    case "text": {
      const encode = present(encoders.text, "an encoder of texts");
      const samples = readTexts(text, path).flatMap((sample) => encode(sample));
      return list(samples, async (sample) => sample);
    }
  }
}

function list<T>(samples: readonly T[], encode: (sample: T) => Promise<EncodedSample>): ListedSource {
  return { length: samples.length, at: (index) => encode(samples[index]) };
}
