import { importanceFromGguf } from "../../quantize/imatrix-gguf.ts";
import { isQuantisePreset, QUANTISE_PRESETS } from "../../quantize/mixture.ts";
import { fileSink } from "../../quantize/node/file-sink.ts";
import { quantiseFile } from "../../quantize/quantise-file.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import { openCheckpoint } from "../../weights/open-checkpoint.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { formatBytes, table } from "../units.ts";

/** `minicpmv quantize model-f16.gguf model-q4.gguf Q4_K_M` */
export const quantizeCommand: Command = {
  name: "quantize",
  summary: "Writes a GGUF file with smaller weights.",
  usage: "INPUT OUTPUT PRESET",
  flags: {
    imatrix: { type: "string", value: "FILE", help: "importance matrix in GGUF, to round by" },
    json: { type: "boolean", help: "print every tensor's types as JSON" },
  },
  examples: [
    "minicpmv quantize model-f16.gguf model-q4_k_m.gguf Q4_K_M",
    "minicpmv quantize mmproj-f16.gguf mmproj-q8.gguf Q8_0",
    `presets: ${QUANTISE_PRESETS.join(", ")}`,
  ],
  run,
};

async function run(args: Arguments, { terminal, signal }: CommandContext): Promise<number> {
  const [input, output, given = ""] = args.positionals;
  const preset = given.toUpperCase();
  if (input === undefined || output === undefined || !isQuantisePreset(preset)) {
    throw new UsageError("INPUT, OUTPUT and a preset are needed.", `Presets: ${QUANTISE_PRESETS.join(", ")}.`);
  }
  const platform = nodePlatform();
  const checkpoint = await openCheckpoint(await platform.open(input));
  const matrix = args.text("imatrix");
  try {
    const importance =
      matrix === undefined ? undefined : await importanceFromGguf(await openCheckpoint(await platform.open(matrix)));
    let fileBytes = 0;
    const { types } = await quantiseFile(checkpoint, await fileSink(output), preset, {
      signal,
      ...(importance === undefined ? {} : { importance }),
      onProgress: (progress) => {
        fileBytes = progress.fileBytes;
        const { tensorName, tensorIndex, tensorCount, type } = progress;
        terminal.progress(`${tensorIndex + 1} of ${tensorCount}: ${tensorName} as ${type}`);
      },
    });
    if (args.has("json")) terminal.out(`${JSON.stringify(types, null, 2)}\n`);
    else terminal.out(`${table(["type", "tensors"], countTypes(types))}\n`);
    terminal.note(`${output}: ${formatBytes(fileBytes)}`);
  } finally {
    await checkpoint.close();
  }
  return EXIT.done;
}

function countTypes(types: readonly { readonly to: string }[]): string[][] {
  const counts = new Map<string, number>();
  for (const { to } of types) counts.set(to, (counts.get(to) ?? 0) + 1);
  return [...counts].map(([type, count]) => [type, String(count)]);
}
