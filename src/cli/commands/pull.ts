import { listModelFiles } from "../../io/hub/model-files.ts";
import { readHubEnvironment } from "../../io/node/hub-environment.ts";
import { pullModel } from "../../io/node/pull-model.ts";
import { inspectGguf } from "../../runtime/inspect-gguf.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { formatBytes, formatSeconds } from "../units.ts";

/** `minicpmv pull openbmb/MiniCPM-V-4.6-gguf:Q4_K_M` */
export const pullCommand: Command = {
  name: "pull",
  summary: "Fetches a model into the cache that other tools share; goes on where it was interrupted.",
  usage: "OWNER/NAME[:Q4_K_M][@REVISION]",
  flags: {
    offline: { type: "boolean", help: "only look whether it is here" },
    json: { type: "boolean", help: "print the files' paths as JSON" },
  },
  examples: [
    "minicpmv pull openbmb/MiniCPM-V-4.6-gguf",
    "minicpmv pull openbmb/MiniCPM-V-4.6-gguf:Q8_0",
    "HF_ENDPOINT=https://hf-mirror.com minicpmv pull openbmb/MiniCPM-V-4-gguf:Q4_0",
  ],
  run,
};

async function run(args: Arguments, { terminal, env, signal }: CommandContext): Promise<number> {
  const [reference] = args.positionals;
  if (reference === undefined) throw new UsageError("No model is named.", "minicpmv models lists some.");
  const model = await pullModel(reference, {
    environment: await readHubEnvironment(env),
    inspect: inspectGguf,
    isOffline: args.has("offline"),
    signal,
    onPlan: ({ listing, files, missingBytes }) => {
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
  const paths = listModelFiles(model.files);
  terminal.out(args.has("json") ? `${JSON.stringify(model, null, 2)}\n` : `${paths.join("\n")}\n`);
  return EXIT.done;
}
