import { cachedSource } from "../../io/cached-source.ts";
import { openHttpSource } from "../../io/http/http-source.ts";
import { listModelFiles } from "../../io/hub/model-files.ts";
import { type HubEnvironment, readHubEnvironment } from "../../io/node/hub-environment.ts";
import { pullModel } from "../../io/node/pull-model.ts";
import { inspectGguf } from "../../runtime/inspect-gguf.ts";
import { type GgufHeader, readGgufHeader } from "../../weights/gguf/read-header.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { choice } from "../model-flags.ts";
import { type TowerFile, towerRepack } from "../tower-repack.ts";
import { formatBytes, formatSeconds } from "../units.ts";

/** `minicpmv pull openbmb/MiniCPM-V-4.6-gguf:Q4_K_M` */
export const pullCommand: Command = {
  name: "pull",
  summary: "Fetches a model into the cache that other tools share; goes on where it was interrupted.",
  usage: "OWNER/NAME[:Q4_K_M][@REVISION]",
  flags: {
    tower: { type: "string", value: "q8", help: "repack the F16 tower to 8 bit while it arrives: half its size" },
    offline: { type: "boolean", help: "only look whether it is here" },
    json: { type: "boolean", help: "print the files' paths as JSON" },
  },
  examples: [
    "minicpmv pull openbmb/MiniCPM-V-4.6-gguf",
    "minicpmv pull openbmb/MiniCPM-V-4.6-gguf:Q8_0",
    "minicpmv pull openbmb/MiniCPM-V-4.6-gguf --tower q8",
    "HF_ENDPOINT=https://hf-mirror.com minicpmv pull openbmb/MiniCPM-V-4-gguf:Q4_0",
  ],
  run,
};

async function run(args: Arguments, { terminal, env, signal }: CommandContext): Promise<number> {
  const [reference] = args.positionals;
  if (reference === undefined) throw new UsageError("No model is named.", "minicpmv models lists some.");
  const repacks = choice(args, "tower", ["q8"]) === "q8";
  const environment = await readHubEnvironment(env);
  const tower: TowerFile = { header: undefined, sums: { error: 0, power: 0 } };
  let towerPath: string | undefined;
  const model = await pullModel(reference, {
    environment,
    inspect: inspectGguf,
    isOffline: args.has("offline"),
    signal,
    // asked for every file before the plan is told; only the tower's header says that it is one
    transform: (file) => (repacks && file.path === towerPath ? towerRepack(tower) : undefined),
    onPlan: async ({ listing, files, missingBytes }) => {
      if (repacks && files.kind === "gguf" && files.projector !== undefined) {
        towerPath = files.projector.path;
        tower.header = await headerAt(files.projector.url, environment, signal);
      }
      const { licence } = listing;
      const link = licence?.link === undefined ? "" : ` (${licence.link})`;
      terminal.note(`Licence: ${licence?.name ?? licence?.id ?? "not stated; see the model's page"}${link}`);
      for (const { path, sizeBytes } of listModelFiles(files)) terminal.note(`  ${path}  ${formatBytes(sizeBytes)}`);
      terminal.note(missingBytes === 0 ? "Everything is here already." : `${formatBytes(missingBytes)} to fetch.`);
    },
    onProgress: ({ name, phase, receivedBytes, totalBytes, bytesPerSecond, secondsLeft }) => {
      const of = totalBytes === undefined ? "" : ` of ${formatBytes(totalBytes)}`;
      const speed = bytesPerSecond === undefined ? "" : `, ${formatBytes(bytesPerSecond)}/s`;
      const left = secondsLeft === undefined ? "" : `, ${formatSeconds(secondsLeft)} left`;
      const doing = phase === "check" ? "Checking" : "Fetching";
      terminal.progress(`${doing} ${name}: ${formatBytes(receivedBytes)}${of}${speed}${left}`);
    },
  });
  const { error, power } = tower.sums;
  if (power > 0)
    terminal.note(
      `Tower in 8 bit: its weights differ by ${(100 * Math.sqrt(error / power)).toFixed(2)} % (root mean square).`,
    );
  const paths = listModelFiles(model.files);
  terminal.out(args.has("json") ? `${JSON.stringify(model, null, 2)}\n` : `${paths.join("\n")}\n`);
  return EXIT.done;
}

async function headerAt(url: string, { http }: HubEnvironment, signal: AbortSignal): Promise<GgufHeader> {
  const source = cachedSource(await openHttpSource(url, http, signal));
  try {
    return await readGgufHeader(source, signal);
  } finally {
    await source.close();
  }
}
