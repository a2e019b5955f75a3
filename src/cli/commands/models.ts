import { backendOn } from "../../chat/load.ts";
import { measureRate } from "../../runtime/measure.ts";
import { hasEmbeddedModel } from "../../runtime/node/embedded-folder.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { threadCount } from "../model-flags.ts";
import { PUBLISHED, type PublishedSet } from "../published-sets.ts";
import { formatBytes, formatSeconds, parseBytes, table } from "../units.ts";

/** `minicpmv models` */
export const modelsCommand: Command = {
  name: "models",
  summary: "Shows the published models: size, memory, licence, and what to expect of this machine.",
  usage: "",
  flags: {
    memory: { type: "string", value: "SIZE", help: "memory to judge by, instead of this machine's" },
    threads: { type: "string", short: "t", value: "N", help: "threads to judge by, or auto" },
    json: { type: "boolean", help: "print as JSON" },
  },
  examples: ["minicpmv models", "minicpmv models --memory 2GiB --json"],
  run,
};

const CONTEXT = 4096;
/** Workspaces of the graphs and the engine itself. */
const OVERHEAD_BYTES = 300e6;
const MEASURE_MS = 300;
/** A 1024×768 photo: overview and four slices. */
const VIEWS = 5;

/** Most memory at once when tower and language model take turns. */
function neededBytes({ languageBytes, towerBytes, cacheBytesPerToken }: PublishedSet): number {
  return Math.max(languageBytes + CONTEXT * cacheBytesPerToken, towerBytes) + OVERHEAD_BYTES;
}

async function run(args: Arguments, { terminal }: CommandContext): Promise<number> {
  const platform = nodePlatform();
  const memory = args.text("memory");
  const available = memory === undefined ? platform.memoryBytes : parseBytes(memory, "--memory");
  using backend = await backendOn(platform, { threads: threadCount(args) });
  const rate = await measureRate(backend, () => platform.nowMs(), MEASURE_MS);
  const sets = PUBLISHED.map((set) => ({
    ...set,
    neededBytes: neededBytes(set),
    fits: neededBytes(set) <= available,
    sizeBytes: set.languageBytes + set.towerBytes + (set.unusedBytes ?? 0),
    secondsPerPicture: ((set.hasOneView ? 1 : VIEWS) * set.flopsPerView) / rate,
  }));
  if (args.has("json")) {
    terminal.out(`${JSON.stringify({ availableBytes: available, flopsPerSecond: rate, sets }, null, 2)}\n`);
    return EXIT.done;
  }
  const rows = sets.map((set) => [
    set.reference,
    `${set.isEstimate ? "~" : ""}${formatBytes(set.sizeBytes)}`,
    `${set.isEstimate ? "~" : ""}${formatBytes(set.neededBytes)}`,
    set.fits ? "yes" : "no",
    formatSeconds(set.secondsPerPicture),
    set.licence,
    set.languages,
  ]);
  terminal.out(`${table(["model", "size", "memory", "fits", "picture", "licence", "languages"], rows)}\n`);
  if (hasEmbeddedModel())
    terminal.note("pocket comes with this package and reads printed text: minicpmv run receipt.jpg");
  terminal.note(
    [
      `Judged by ${formatBytes(available)} of memory and ${(rate / 1e9).toFixed(1)} billion operations a second.`,
      `Memory: tower and language model in turn, ${CONTEXT} tokens of context. Picture: encoding a 1024×768 photo, estimated.`,
      "~: computed from the model's shape where the published size was not to be had. None of them has been run by this project yet.",
    ].join("\n"),
  );
  return EXIT.done;
}
