import { describeModel } from "../../model/minicpmv/registry.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import { openFiles } from "../../runtime/open-files.ts";
import type { Checkpoint } from "../../weights/checkpoint.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { formatBytes, table } from "../units.ts";

/** `minicpmv show MODEL` */
export const showCommand: Command = {
  name: "show",
  summary: "Describes a model from its headers: version, shapes, types, size. Loads no weights.",
  usage: "MODEL",
  flags: {
    model: { type: "string", short: "m", value: "MODEL", help: "instead of the argument" },
    mmproj: { type: "string", value: "FILE", help: "vision tower of a GGUF model" },
    tensors: { type: "boolean", help: "list every tensor" },
    json: { type: "boolean", help: "print as JSON" },
    offline: { type: "boolean", help: "never use the network" },
  },
  examples: ["minicpmv show model.gguf", "minicpmv show openbmb/MiniCPM-V-4.6-gguf --offline --tensors"],
  run,
};

async function run(args: Arguments, { terminal }: CommandContext): Promise<number> {
  const reference = args.text("model") ?? args.positionals[0];
  if (reference === undefined) throw new UsageError("No model is named.", "minicpmv show MODEL");
  const platform = nodePlatform();
  const parts = await platform.locate(reference, { isOffline: args.has("offline"), vision: args.text("mmproj") });
  const files = await openFiles(parts, platform);
  try {
    const description = await describeModel(files);
    const { decoder, encoder, slicing, generation, title, version } = description;
    const checkpoints = files.vision === undefined ? [files.language] : [files.language, files.vision];
    const summaries = checkpoints.map(summaryOf);
    if (args.has("json")) {
      const { inverseFrequencies: _, ...shape } = decoder;
      const report = { title, version, decoder: shape, vision: encoder.config, slicing, generation, files: summaries };
      terminal.out(`${JSON.stringify(report, null, 2)}\n`);
      return EXIT.done;
    }
    const lines = [
      `model      ${title}`,
      `language   ${decoder.layerCount} layers, width ${decoder.width}, ${decoder.headCount} heads (${decoder.groupCount} key-value), vocabulary ${decoder.vocabularySize}`,
      `vision     ${encoder.config.layerCount} layers, width ${encoder.config.width}, ${encoder.config.headCount} heads`,
      `context    ${decoder.contextLength} tokens`,
      `defaults   temperature ${generation.temperature}, top-p ${generation.topP}, top-k ${generation.topK}, repeat penalty ${generation.repetitionPenalty}`,
      ...summaries.map(({ name, bytes, types }) => `file       ${name}: ${formatBytes(bytes)}, ${types}`),
    ];
    terminal.out(`${lines.join("\n")}\n`);
    if (args.has("tensors")) terminal.out(`${tensorTable(checkpoints)}\n`);
    return EXIT.done;
  } finally {
    await files.language.close();
    await files.vision?.close();
  }
}

function summaryOf(checkpoint: Checkpoint) {
  const tensors = checkpoint.names.map((name) => checkpoint.tensor(name));
  const counts = new Map<string, number>();
  for (const { type } of tensors) counts.set(type, (counts.get(type) ?? 0) + 1);
  return {
    name: checkpoint.fileName,
    container: checkpoint.container,
    bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    tensors: tensors.length,
    types: [...counts].map(([type, count]) => `${count}×${type}`).join(" "),
  };
}

function tensorTable(checkpoints: readonly Checkpoint[]): string {
  const rows = checkpoints.flatMap((checkpoint) =>
    checkpoint.names.map((name) => {
      const { type, shape, byteLength } = checkpoint.tensor(name);
      return [name, type, shape.join("×"), formatBytes(byteLength)];
    }),
  );
  return table(["tensor", "type", "shape", "size"], rows);
}
