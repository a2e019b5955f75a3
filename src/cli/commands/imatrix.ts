import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { backendOn } from "../../chat/load.ts";
import { decodeImage } from "../../image/decode-image.ts";
import { writeWhole } from "../../quantize/byte-sink.ts";
import { writeImportance } from "../../quantize/imatrix.ts";
import { fileSink } from "../../quantize/node/file-sink.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import { openFiles } from "../../runtime/open-files.ts";
import { collectModelImportance } from "../collect-importance.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { loadOptions, MODEL_FLAGS } from "../model-flags.ts";

const { model, mmproj, threads, memory, offline } = MODEL_FLAGS;

/** `minicpmv imatrix -m MODEL --text FILE -i PICTURE OUTPUT` */
export const imatrixCommand: Command = {
  name: "imatrix",
  summary: "Measures what a model's weights read, so that quantize rounds by it.",
  usage: "-m MODEL --text FILE [-i PICTURE…] OUTPUT",
  flags: {
    model,
    mmproj,
    text: { type: "string", multiple: true, value: "FILE", help: "calibration text; may be repeated" },
    image: { type: "string", short: "i", multiple: true, value: "FILE", help: "a picture; may be repeated" },
    threads,
    memory,
    offline,
  },
  examples: [
    "minicpmv imatrix -m model-f16.gguf --text calibration.txt -i receipt.jpg -i page.png imatrix.dat",
    "minicpmv quantize model-f16.gguf model-q4_k_m.gguf Q4_K_M --imatrix imatrix.dat",
    "minicpmv quantize mmproj-model-f16.gguf mmproj-q4_k_m.gguf Q4_K_M --imatrix imatrix.dat",
  ],
  run,
};

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const { terminal, signal } = context;
  const [output] = args.positionals;
  const reference = args.text("model") ?? context.env.MINICPMV_MODEL;
  const [texts, images] = [args.texts("text"), args.texts("image")];
  if (output === undefined || reference === undefined || texts.length + images.length === 0) {
    throw new UsageError(
      "A model, a text or pictures, and an output are needed.",
      "minicpmv imatrix --help shows how.",
    );
  }
  const platform = nodePlatform();
  const options = loadOptions(args, context);
  const files = await openFiles(await platform.locate(reference, options), platform, signal);
  try {
    using backend = await backendOn(platform, options);
    const matrix = await collectModelImportance(
      files,
      {
        text: (await Promise.all(texts.map((path) => readText(path)))).join("\n"),
        pictures: await Promise.all(images.map((path) => readImage(path))),
        name: [...texts, ...images].map((path) => basename(path)).join(", "),
      },
      {
        backend,
        signal,
        onProgress: (what, done, total) => terminal.progress(`Measuring ${what} ${done} of ${total}`),
      },
    );
    const sink = await fileSink(output);
    await writeWhole(sink, () => sink.write(writeImportance(matrix)));
    terminal.note(`${output}: ${matrix.entries.size} weights over ${matrix.chunkCount} sequences.`);
  } finally {
    await files.language.close();
    await files.vision?.close();
  }
  return EXIT.done;
}

function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => unreadable(path, cause));
}

async function readImage(path: string) {
  const bytes = await readFile(path).catch((cause: unknown) => unreadable(path, cause));
  return (await decodeImage(bytes, { decoders: nodePlatform().imageDecoders })).image;
}

function unreadable(path: string, cause: unknown): never {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  throw new UsageError(`${path} cannot be read: the system said ${code}.`, "Check the path.");
}
