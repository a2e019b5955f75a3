import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hfNaming } from "../../model/naming/hf.ts";
import type { WeightNaming } from "../../model/weight-binding.ts";
import { CheckpointMismatchError } from "../errors.ts";
import { isLoraWeight, isSavedModule, type LoraOptions } from "../lora.ts";
import { readTensors, type ShapeOf } from "../run-folder.ts";
import { replaceFolder } from "./model-folder.ts";
import { publishedTensors } from "./published.ts";
import { type WriteTensorsOptions, writeNamedTensors } from "./write-tensors.ts";

/** PEFT wraps the model twice; the names in its files begin with both. */
const PREFIX = "base_model.model.";
const CONFIG = "adapter_config.json";
const TENSORS = "adapter_model.safetensors";

export interface AdapterFolder {
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly shapeOf: ShapeOf;
  readonly options: LoraOptions;
  /** Name or path of the model that the adapter belongs to. */
  readonly baseModel: string;
  readonly naming?: WeightNaming;
}

/** Writes the adapters and saved modules as PEFT reads them: adapter_config.json and adapter_model.safetensors. */
export async function writeAdapter(
  folder: string,
  { weights, shapeOf, options, baseModel, naming = hfNaming }: AdapterFolder,
  write: WriteTensorsOptions = {},
): Promise<void> {
  const entries = Object.entries(weights);
  const saved = Object.fromEntries(entries.filter(([name]) => isSavedModule(name, options) && !isLoraWeight(name)));
  const tensors = [
    ...entries.filter(([name]) => isLoraWeight(name)).map(([name, values]) => ({ name, shape: shapeOf(name), values })),
    ...publishedTensors(saved, shapeOf, naming),
  ].map((tensor) => ({ ...tensor, name: PREFIX + tensor.name }));
  await replaceFolder(folder, async (pending) => {
    await writeNamedTensors(join(pending, TENSORS), tensors, write);
    await writeFile(join(pending, CONFIG), `${JSON.stringify(adapterConfig(options, baseModel), undefined, 2)}\n`);
  });
}

function adapterConfig(options: LoraOptions, baseModel: string): Readonly<Record<string, unknown>> {
  return {
    peft_type: "LORA",
    task_type: null,
    base_model_name_or_path: baseModel,
    r: options.rank,
    lora_alpha: options.alpha,
    lora_dropout: options.dropout ?? 0,
    bias: "none",
    target_modules: options.targets.source,
    modules_to_save: options.modulesToSave,
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    layers_to_transform: null,
    rank_pattern: {},
    alpha_pattern: {},
    use_dora: false,
    use_rslora: false,
  };
}

/** An adapter read from a PEFT folder. */
export interface Adapter {
  readonly options: LoraOptions;
  /** Factors and saved modules by the names that PEFT gave them, its prefix taken off. */
  readonly tensors: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
}

/** What an adapter must not be, because merging it as plain LoRA would be silently wrong. */
const REFUSED: readonly (readonly [string, (value: unknown) => boolean])[] = [
  ["use_dora", (value) => value === true],
  ["use_rslora", (value) => value === true],
  ["fan_in_fan_out", (value) => value === true],
  ["rank_pattern", (value) => typeof value === "object" && value !== null && Object.keys(value).length > 0],
  ["alpha_pattern", (value) => typeof value === "object" && value !== null && Object.keys(value).length > 0],
  ["lora_bias", (value) => value === true],
  ["layers_to_transform", (value) => value !== undefined && value !== null],
  ["bias", (value) => value !== undefined && value !== "none"],
];

/** Reads a PEFT folder. Throws CheckpointMismatchError for kinds of adapter that are not plain LoRA. */
export async function readAdapter(folder: string): Promise<Adapter> {
  const path = join(folder, CONFIG);
  const config: Readonly<Record<string, unknown>> = JSON.parse(await readFile(path, "utf8"));
  if (config.peft_type !== "LORA") throw new CheckpointMismatchError(path, `its peft_type is ${config.peft_type}`);
  for (const [field, isRefused] of REFUSED) {
    if (isRefused(config[field]))
      throw new CheckpointMismatchError(path, `${field} is ${JSON.stringify(config[field])}, not plain LoRA`);
  }
  const { r: rank, lora_alpha: alpha } = config;
  if (typeof rank !== "number" || typeof alpha !== "number")
    throw new CheckpointMismatchError(path, "r or lora_alpha is missing");
  const stored = await readTensors(join(folder, TENSORS));
  const tensors = Object.fromEntries(Object.entries(stored).map(([name, values]) => [plainName(path, name), values]));
  const saved = Array.isArray(config.modules_to_save) ? config.modules_to_save.map(String) : [];
  const dropout = typeof config.lora_dropout === "number" ? config.lora_dropout : 0;
  const targets = targetsOf(path, config.target_modules);
  return { options: { rank, alpha, targets, modulesToSave: saved, dropout }, tensors };
}

function plainName(path: string, name: string): string {
  if (!name.startsWith(PREFIX)) throw new CheckpointMismatchError(path, `tensor ${name} is no adapter's`);
  return name.slice(PREFIX.length);
}

/** A pattern, or a list of module names of which any path's last part may be one. */
function targetsOf(path: string, value: unknown): RegExp {
  if (typeof value === "string") return new RegExp(value);
  if (!Array.isArray(value)) throw new CheckpointMismatchError(path, "target_modules is neither a pattern nor a list");
  const names = value.map((name) => String(name).replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`(?:.*\\.)?(?:${names.join("|")})`);
}

/** Weights by the graph's names: factors as they are, saved modules cut apart as the graph has them. */
export function adapterWeights(
  { tensors }: Adapter,
  names: readonly string[],
  { shapeOf, naming = hfNaming }: { readonly shapeOf: ShapeOf; readonly naming?: WeightNaming },
): Record<string, Float32Array<ArrayBuffer>> {
  const weights: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const name of names) {
    const shape = shapeOf(name);
    const place = isLoraWeight(name) ? { name } : naming(name, shape);
    const stored = place === undefined ? undefined : tensors[place.name];
    if (place === undefined || stored === undefined) continue;
    const count = shape.reduce((n, d) => n * d, 1);
    const part = "part" in place && place.part !== undefined ? place.part : { index: 0, count: 1 };
    if (stored.length !== count * part.count)
      throw new CheckpointMismatchError(name, `it has ${stored.length} values and the model ${count * part.count}`);
    weights[name] = stored.slice(part.index * count, (part.index + 1) * count);
  }
  return weights;
}
