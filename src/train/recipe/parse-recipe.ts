import { DATA_FORMATS, type DataFormat } from "../data/formats.ts";
import { RecipeError } from "../errors.ts";
import { OFFICIAL_LORA } from "../lora.ts";
import type { TrainedModel } from "../training-graph.ts";
import { parseModel } from "./parse-model.ts";
import type {
  Part,
  Recipe,
  RecipeData,
  RecipeStage,
  StageLora,
  StageOptimiser,
  StageResolution,
  StageSchedule,
  StageTask,
} from "./recipe.ts";
import { RecipeFields } from "./recipe-fields.ts";

const PARTS: readonly Part[] = ["vision", "resampler", "language"];
const FORMATS = Object.keys(DATA_FORMATS) as DataFormat[];

/**
 * Reads a recipe from JSON text; one that starts from a published model may leave `model` to `given`. Throws RecipeError
 * naming the field that is wrong, unknown or missing.
 */
export function parseRecipe(text: string, given?: TrainedModel): Recipe {
  const fields = new RecipeFields(parseJson(text), "");
  const stages = fields.objects("stages").map(parseStage);
  if (stages.length === 0) fields.fail("stages", "is empty");
  const twice = stages.find(({ name }, i) => stages.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) fields.fail("stages", `has two stages called ${JSON.stringify(twice.name)}`);
  const recipe = {
    name: fields.text("name"),
    about: fields.text("about", ""),
    source: fields.text("source", ""),
    seed: fields.count("seed", 1),
    model: given !== undefined && !fields.has("model") ? given : parseModel(fields.object("model")),
    ...(fields.has("init") ? { init: fields.text("init") } : {}),
    stages,
  };
  fields.finish();
  return recipe;
}

/** What a recipe says before its model is known. */
export interface RecipeHead {
  readonly name: string;
  /** Folder of the model that it starts from. */
  readonly init?: string;
  /** True where it writes down the shapes of its model. */
  readonly givesModel: boolean;
}

/** Reads the head alone. Throws RecipeError. */
export function recipeHead(text: string): RecipeHead {
  const fields = new RecipeFields(parseJson(text), "");
  const head = { name: fields.text("name"), givesModel: fields.has("model") };
  return fields.has("init") ? { ...head, init: fields.text("init") } : head;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RecipeError("(whole file)", `is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseStage(fields: RecipeFields): RecipeStage {
  const data = fields.objects("data").map(parseData);
  const trainable = fields
    .texts("trainable")
    .map((said) => PARTS.find((part) => part === said) ?? fields.fail("trainable", `names ${JSON.stringify(said)}`));
  if (trainable.length === 0 && !fields.has("lora")) fields.fail("trainable", "is empty");
  const task = fields.has("task") ? parseTask(fields.object("task")) : ({ kind: "chat" } as const);
  const only = TASK_PARTS[task.kind];
  if (only !== undefined && (fields.has("lora") || trainable.join() !== only))
    fields.fail("trainable", `is not ["${only}"] alone, which is what a ${task.kind} stage trains`);
  const pack = fields.object("pack");
  const typical = fields.object("typical");
  // a dense stage has no text
  const tokens = task.kind === "dense" ? 1 : undefined;
  const stage: RecipeStage = {
    name: fields.text("name"),
    about: fields.text("about", ""),
    task,
    trainable,
    ...(fields.has("lora") ? { lora: parseLora(fields.object("lora")) } : {}),
    resolution: parseResolution(fields.object("resolution")),
    data,
    order: fields.choice("order", ["mixed", "sequential"], "mixed"),
    samples: fields.count("samples"),
    pack: { views: pack.count("views"), patches: pack.count("patches"), tokens: pack.count("tokens", tokens) },
    typical: {
      tokens: typical.number("tokens", { least: 1, ...(tokens === undefined ? {} : { fallback: tokens }) }),
      views: typical.number("views", { least: 0 }),
    },
    packsPerStep: fields.count("packsPerStep"),
    packing: fields.choice("packing", ["bestFit", "nextFit"], "bestFit"),
    optimiser: parseOptimiser(fields.object("optimiser")),
    schedule: parseSchedule(fields.object("schedule")),
    ours: fields.texts("ours", []),
  };
  for (const part of [pack, typical, fields]) part.finish();
  return stage;
}

/** The one part that a stage of pre-training trains. */
const TASK_PARTS: Readonly<Record<StageTask["kind"], Part | undefined>> = {
  chat: undefined,
  text: "language",
  dense: "vision",
};

function parseTask(fields: RecipeFields): StageTask {
  const kind = fields.choice("kind", ["chat", "text", "dense"]);
  const task = kind === "dense" ? parseDense(fields) : { kind };
  fields.finish();
  return task;
}

function parseDense(fields: RecipeFields): StageTask {
  const characters = Array.from(fields.text("characters"));
  const twice = characters.find((character, i) => characters.indexOf(character) !== i);
  if (twice !== undefined) fields.fail("characters", `has ${JSON.stringify(twice)} twice`);
  // labels are bytes, of which the last means "too small to be read"
  if (characters.length === 0 || characters.length > MOST_CHARACTERS)
    fields.fail("characters", `has ${characters.length} characters, not 1 to ${MOST_CHARACTERS}`);
  return {
    kind: "dense",
    characters,
    cellsPerPatch: fields.count("cellsPerPatch", 2),
    emptyWeight: fields.number("emptyWeight", { least: 0, fallback: 0.15 }),
  };
}

const MOST_CHARACTERS = 253;

function parseData(fields: RecipeFields): RecipeData {
  const data: RecipeData = {
    name: fields.text("name"),
    ...(fields.has("samples") ? { samples: fields.count("samples") } : {}),
    ...(fields.has("weight") ? { weight: fields.number("weight", { least: 1e-9 }) } : {}),
    ...(fields.has("file") ? { file: fields.text("file") } : {}),
    ...(fields.has("format") ? { format: fields.choice("format", FORMATS) } : {}),
    ...(fields.has("group") ? { group: fields.text("group") } : {}),
    ...(fields.has("note") ? { note: fields.text("note") } : {}),
  };
  fields.finish();
  return data;
}

function parseResolution(fields: RecipeFields): StageResolution {
  const kind = fields.choice("kind", ["fixed", "adaptive"]);
  const side = fields.count("side");
  const resolution: StageResolution =
    kind === "fixed" ? { kind, side } : { kind, side, maxSlices: fields.count("maxSlices", 9) };
  fields.finish();
  return resolution;
}

function parseLora(fields: RecipeFields): StageLora {
  const targets = fields.text("targets", OFFICIAL_LORA.targets.source);
  try {
    new RegExp(targets);
  } catch {
    fields.fail("targets", `is ${JSON.stringify(targets)}, not a regular expression`);
  }
  const lora = {
    rank: fields.count("rank", OFFICIAL_LORA.rank),
    alpha: fields.number("alpha", { least: 0, fallback: OFFICIAL_LORA.alpha }),
    targets,
    modulesToSave: fields.texts("modulesToSave", OFFICIAL_LORA.modulesToSave),
    dropout: fields.number("dropout", { least: 0, fallback: OFFICIAL_LORA.dropout ?? 0 }),
  };
  if (lora.dropout >= 1) fields.fail("dropout", `is ${lora.dropout}, not a share below 1`);
  fields.finish();
  return lora;
}

function parseOptimiser(fields: RecipeFields): StageOptimiser {
  const scales = fields.has("rateScales") ? fields.object("rateScales") : undefined;
  const rateScales = Object.fromEntries(
    PARTS.filter((part) => scales?.has(part)).map((part) => [part, scales?.number(part, { least: 0 })]),
  );
  scales?.finish();
  const optimiser = {
    rate: fields.number("rate", { least: 0 }),
    beta1: fields.number("beta1", { least: 0, fallback: 0.9 }),
    beta2: fields.number("beta2", { least: 0, fallback: 0.95 }),
    eps: fields.number("eps", { least: 0, fallback: 1e-8 }),
    weightDecay: fields.number("weightDecay", { least: 0, fallback: 0.1 }),
    clipNorm: fields.number("clipNorm", { least: 0, fallback: 1 }),
    rateScales,
    ...(fields.has("average") ? { average: fields.number("average", { least: 0 }) } : {}),
  };
  fields.finish();
  return optimiser;
}

function parseSchedule(fields: RecipeFields): StageSchedule {
  const kind = fields.choice("kind", ["constant", "cosine", "wsd"]);
  const warmupShare = fields.number("warmupShare", { least: 0, fallback: 0.01 });
  const floor = (): number => fields.number("floor", { least: 0, fallback: 0 });
  const schedules: Readonly<Record<typeof kind, () => StageSchedule>> = {
    constant: () => ({ kind: "constant", warmupShare }),
    cosine: () => ({ kind: "cosine", warmupShare, floor: floor() }),
    wsd: () => ({
      kind: "wsd",
      warmupShare,
      decayShare: fields.number("decayShare", { least: 0, fallback: 0.1 }),
      floor: floor(),
    }),
  };
  const schedule = schedules[kind]();
  fields.finish();
  return schedule;
}
