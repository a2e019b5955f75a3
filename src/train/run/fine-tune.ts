import { join } from "node:path";
import type { TokenId } from "../../base/brand.ts";
import { type PreparedPicture, preparePicture } from "../../image/prepare-picture.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import type { Backend } from "../../tensor/backend.ts";
import { writeModelFolder } from "../checkpoint/model-folder.ts";
import { writeAdapter } from "../checkpoint/peft.ts";
import { cellLabels } from "../data/dense-file.ts";
import { type EncodedPicture, encodeChat } from "../data/encode-chat.ts";
import { fileSources } from "../data/file-sources.ts";
import { encodeText } from "../data/text-file.ts";
import { RecipeError } from "../errors.ts";
import { initialise } from "../initialise.ts";
import { mergeLora } from "../lora.ts";
import { packRoom } from "../pack-inputs.ts";
import { parseRecipe } from "../recipe/parse-recipe.ts";
import { loraOptions } from "../recipe/plan-recipe.ts";
import type { Recipe, RecipeStage } from "../recipe/recipe.ts";
import { requireMemory } from "../recipe/require-memory.ts";
import { type RunState, savedProgress } from "../run-folder.ts";
import { trainingGraph } from "../training-graph.ts";
import { type BaseModel, openBaseModel } from "./base-model.ts";
import { openRecipe } from "./recipe-file.ts";
import { type RunTrainingOptions, runTraining, type TrainingOutcome } from "./run-training.ts";

/** The text that stands for a picture; `imagePlaceholder` of the chat layer is one. */
export type PictureText = (
  schema: "nested" | "flat",
  plan: {
    readonly viewTokenCounts: readonly number[];
    readonly grid?: { readonly columns: number; readonly rows: number } | undefined;
  },
  imageIndex: number,
) => string;

export interface FineTuneOptions
  extends Pick<RunTrainingOptions, "onLine" | "onStep" | "signal" | "saveEveryMs" | "lockPath"> {
  readonly recipePath: string;
  /** The run: state, log, report; when complete also `model/` and, with adapters, `adapter/`. */
  readonly folder: string;
  readonly backend: Backend;
  readonly pictureText: PictureText;
  /** What the run may take: a stage that is planned to need more is refused before weights are read. No limit when absent. */
  readonly memoryBytes?: number | undefined;
  /** Takes a sentence on what is about to be trained, or how far a run is that goes on. */
  readonly onBegin?: (text: string) => void;
}

/** How it ended and what was written. */
export interface FineTuneOutcome extends TrainingOutcome {
  /** Folders that other tools open; empty until the recipe is complete. */
  readonly written: readonly string[];
}

/**
 * Runs a recipe on the files that it names, from the model in its `init` folder: what `minicpmv train recipe.json` does. Paths
 * start at the recipe's folder. Throws RecipeError without `init`, TrainingMemoryError, and what `runTraining` throws.
 */
export async function fineTune(options: FineTuneOptions): Promise<FineTuneOutcome> {
  const { text, here, init, initFolder } = await openRecipe(options.recipePath);
  if (init === undefined || initFolder === undefined) {
    const hint =
      "Name a folder with config.json, tokenizer.json and, unless training is to start anew, model.safetensors.";
    throw new RecipeError("init", "is missing: the recipe does not say which model it starts from", hint);
  }
  const base = await openBaseModel(initFolder);
  try {
    const recipe = parseRecipe(text, base.model);
    const saved = await savedProgress(options.folder);
    if (options.memoryBytes !== undefined) {
      requireMemory(recipe, { availableBytes: options.memoryBytes, from: stageToGoOn(recipe, saved?.stage) });
    }
    // asks for every weight; its shape does not matter
    const shape = { views: 1, patches: 4, tokens: base.queryCount + 1 };
    const graph = trainingGraph(base.model, { shape, parts: "text" });
    const { layerCount } = base.model.decoder;
    const initial = (await base.weights(graph)) ?? initialise(graph, { seed: recipe.seed, layerCount });
    options.onBegin?.(beginText(recipe, base, saved));
    const outcome = await runTraining(recipe, {
      ...options,
      samples: (stage) => stageSources(stage, here, { base, pictureText: options.pictureText }),
      initial,
      // a table may have more rows than the vocabulary, and before they are learnt not to be they are foretold too
      decode: (ids) => {
        const known = (ids as readonly TokenId[]).filter((id) => base.tokenizer.hasToken(id));
        return base.tokenizer.decode(known);
      },
    });
    const written = outcome.isComplete
      ? await writeResults(recipe, { base, init, outcome, folder: options.folder })
      : [];
    return { ...outcome, written };
  } finally {
    await base.close();
  }
}

/** Index of the stage that a saved run stands in, the count of stages when it is done; a strange name is refused later. */
function stageToGoOn({ stages }: Recipe, name: unknown): number {
  if (name === "done") return stages.length;
  return Math.max(
    0,
    stages.findIndex((stage) => stage.name === name),
  );
}

/** "receipts: MiniCPM-V 2.6; stages receipts. Going on after step 40." */
function beginText(recipe: Recipe, base: BaseModel, saved: RunState["progress"] | undefined): string {
  const names = recipe.stages.map(({ name }) => name).join(", ");
  const start = `${recipe.name}: ${base.description.title}; stages ${names}.`;
  if (saved === undefined) return start;
  return saved.stage === "done"
    ? `${start} Complete since step ${saved.step}.`
    : `${start} Going on after step ${saved.step}.`;
}

interface Encoder {
  readonly base: BaseModel;
  readonly pictureText: PictureText;
}

function stageSources(stage: RecipeStage, folder: string, encoder: Encoder) {
  const { tokenizer, form, queryCount, model } = encoder.base;
  const room = packRoom(stage.pack, queryCount);
  return fileSources(stage, {
    folder,
    encoders: {
      chat: (sample, pictures) =>
        encodeChat(
          sample,
          pictures.map((picture, i) => encodePicture(picture, i, { stage, encoder })),
          { tokenizer, form, filler: "<unk>", queryCount },
        ),
      text: (sample) => encodeText(sample, { tokenizer, end: form.textEnd, mostTokens: room.tokens }),
      dense: (sample, picture) => {
        const { views, plan } = cutPicture(picture, stage, { queryCount, patchSize: model.vision.patchSize });
        const { task } = stage;
        const cells =
          task.kind === "dense"
            ? cellLabels(sample.characters, views, { plan, patchSize: model.vision.patchSize, ...task })
            : [];
        return { ids: [], supervised: [], visualStarts: [], views, cells, place: sample.place };
      },
    },
  });
}

function cutPicture(
  picture: RgbImage,
  { resolution }: RecipeStage,
  { queryCount, patchSize }: { readonly queryCount: number; readonly patchSize: number },
): PreparedPicture {
  return preparePicture(picture, {
    partition:
      resolution.kind === "fixed"
        ? resolution
        : { kind: "sliced", granule: patchSize, maxSlices: resolution.maxSlices, scaleResolution: resolution.side },
    arithmetic: "pillow",
    tokens: { kind: "queries", perView: queryCount },
    patchSize,
  });
}

function encodePicture(
  picture: RgbImage,
  index: number,
  { stage, encoder }: { readonly stage: RecipeStage; readonly encoder: Encoder },
): EncodedPicture {
  const { base, pictureText } = encoder;
  const { views, plan } = cutPicture(picture, stage, {
    queryCount: base.queryCount,
    patchSize: base.model.vision.patchSize,
  });
  const viewTokenCounts = views.map(() => base.queryCount);
  return { views, placeholder: pictureText(base.schema, { viewTokenCounts, grid: plan.sliced?.grid }, index) };
}

interface Results {
  readonly base: BaseModel;
  readonly init: string;
  readonly outcome: TrainingOutcome;
  readonly folder: string;
}

/** The whole model with adapters merged, the average of weights where one was kept, and the adapter by itself. */
async function writeResults(recipe: Recipe, { base, init, outcome, folder }: Results): Promise<readonly string[]> {
  const { shapeOf } = outcome;
  const weights = { ...outcome.weights, ...outcome.average };
  const lora = loraOptions(recipe.stages[recipe.stages.length - 1]);
  const written = [join(folder, "model")];
  const merged = lora === undefined ? weights : mergeLora(weights, lora);
  await writeModelFolder(written[0], { weights: merged, shapeOf, texts: base.texts }, { type: "BF16" });
  if (lora !== undefined) {
    written.push(join(folder, "adapter"));
    await writeAdapter(written[1], { weights, shapeOf, options: lora, baseModel: init });
  }
  return written;
}
