import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { exportGguf } from "../../model/export/export-gguf.ts";
import { type ImportanceMatrix, readImportance } from "../../quantize/imatrix.ts";
import { isQuantisePreset, QUANTISE_PRESETS, type QuantisePreset } from "../../quantize/mixture.ts";
import { fileSink } from "../../quantize/node/file-sink.ts";
import { type QuantiseSummary, quantiseFile } from "../../quantize/quantise-file.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import { openFiles } from "../../runtime/open-files.ts";
import type { Checkpoint } from "../../weights/checkpoint.ts";
import { openCheckpoint } from "../../weights/open-checkpoint.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { formatBytes, table } from "../units.ts";

/** `minicpmv quantize model-f16.gguf model-q4.gguf Q4_K_M` */
export const quantizeCommand: Command = {
  name: "quantize",
  summary: "Writes a GGUF file with smaller weights; a GGUF pair of a folder of safetensors.",
  usage: "INPUT OUTPUT PRESET",
  flags: {
    imatrix: {
      type: "string",
      value: "FILE",
      help: "importance matrix to round by: what minicpmv imatrix wrote, or GGUF",
    },
    json: { type: "boolean", help: "print every tensor's types as JSON" },
  },
  examples: [
    "minicpmv quantize model-f16.gguf model-q4_k_m.gguf Q4_K_M",
    "minicpmv quantize mmproj-f16.gguf mmproj-q8.gguf Q8_0",
    "minicpmv quantize runs/receipts/model receipts.gguf Q4_K_M      # and mmproj-receipts.gguf beside it",
    "minicpmv quantize model-f16.gguf model.gguf Q4_K_M --imatrix imatrix.dat",
    `presets: ${QUANTISE_PRESETS.join(", ")}`,
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const [input, output, given = ""] = args.positionals;
  const preset = given.toUpperCase();
  if (input === undefined || output === undefined || !isQuantisePreset(preset)) {
    throw new UsageError("INPUT, OUTPUT and a preset are needed.", `Presets: ${QUANTISE_PRESETS.join(", ")}.`);
  }
  const matrix = args.text("imatrix");
  const importance = matrix === undefined ? undefined : await readImportance(await nodePlatform().open(matrix));
  const isFolder = await stat(input).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const jobs = isFolder ? await folderJobs(input, output) : await fileJobs(input, output);
  try {
    const summaries: QuantiseSummary[] = [];
    for (const job of jobs.list) summaries.push(await write(job, { preset, importance, context }));
    const types = summaries.flatMap((summary) => summary.types);
    const { terminal } = context;
    terminal.out(
      args.has("json") ? `${JSON.stringify(types, null, 2)}\n` : `${table(["type", "tensors"], countTypes(types))}\n`,
    );
  } finally {
    await jobs.close();
  }
  return EXIT.done;
}

interface Job {
  readonly checkpoint: Checkpoint;
  readonly output: string;
}

interface Jobs {
  readonly list: readonly Job[];
  close(): Promise<void>;
}

async function fileJobs(input: string, output: string): Promise<Jobs> {
  const checkpoint = await openCheckpoint(await nodePlatform().open(input));
  return { list: [{ checkpoint, output }], close: () => checkpoint.close() };
}

/** Language model and tower of a folder in the published form; the tower's file gets llama.cpp's prefix. */
async function folderJobs(folder: string, output: string): Promise<Jobs> {
  const platform = nodePlatform();
  const { language, config } = await openFiles(await platform.locate(folder, {}), platform);
  if (config === undefined) {
    await language.close();
    throw new UsageError(`${folder} holds GGUF files.`, "Name one of its files.");
  }
  const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), "utf8"));
  const settings = await json("tokenizer_config.json").catch(() => ({}));
  const pair = await exportGguf({
    config,
    checkpoint: language,
    tokenizer: { tokenizer: await json("tokenizer.json"), config: settings },
    name: config.string("_name_or_path", basename(folder)),
  });
  return {
    list: [
      { checkpoint: pair.language, output },
      { checkpoint: pair.vision, output: join(dirname(output), `mmproj-${basename(output)}`) },
    ],
    close: () => language.close(),
  };
}

interface Writing {
  readonly preset: QuantisePreset;
  readonly importance: ImportanceMatrix | undefined;
  readonly context: CommandContext;
}

async function write({ checkpoint, output }: Job, { preset, importance, context }: Writing): Promise<QuantiseSummary> {
  const { terminal, signal } = context;
  let fileBytes = 0;
  const summary = await quantiseFile(checkpoint, await fileSink(output), preset, {
    signal,
    ...(importance === undefined ? {} : { importance }),
    onProgress: (progress) => {
      fileBytes = progress.fileBytes;
      const { tensorName, tensorIndex, tensorCount, type } = progress;
      terminal.progress(`${tensorIndex + 1} of ${tensorCount}: ${tensorName} as ${type}`);
    },
  });
  const named = summary.types.filter(({ name }) => importance?.entries.has(name) === true).length;
  const rounded = importance === undefined ? "" : `; ${named} tensors have an entry in the importance matrix`;
  terminal.note(`${output}: ${formatBytes(fileBytes)}${rounded}`);
  return summary;
}

function countTypes(types: readonly { readonly to: string }[]): string[][] {
  const counts = new Map<string, number>();
  for (const { to } of types) counts.set(to, (counts.get(to) ?? 0) + 1);
  return [...counts].map(([type, count]) => [type, String(count)]);
}
