import { parseRepoRef } from "../../io/hub/repo-ref.ts";
import { removeCachedRepo } from "../../io/node/cached-repos.ts";
import { removeDerivedFiles } from "../../io/node/derived-files.ts";
import { readHubEnvironment } from "../../io/node/hub-environment.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { formatBytes } from "../units.ts";

/** `minicpmv rm openbmb/MiniCPM-V-4.6-gguf` */
export const rmCommand: Command = {
  name: "rm",
  summary: "Removes a model from the cache, which other tools share.",
  usage: "OWNER/NAME",
  flags: {},
  examples: ["minicpmv rm openbmb/MiniCPM-V-4.6-gguf"],
  run,
};

async function run(args: Arguments, { terminal, env }: CommandContext): Promise<number> {
  const [name] = args.positionals;
  if (name === undefined) throw new UsageError("No model is named.", "minicpmv list shows what is here.");
  const { repo } = parseRepoRef(name);
  const { cacheFolder, derivedFolder } = await readHubEnvironment(env);
  const freed = await removeCachedRepo(cacheFolder, repo);
  const derived = await removeDerivedFiles(derivedFolder, repo);
  if (freed === undefined && derived === 0) {
    terminal.note(`${repo} is not in ${cacheFolder}. minicpmv list shows what is.`);
    return EXIT.failed;
  }
  terminal.out(`Removed ${repo}: ${formatBytes((freed ?? 0) + derived)} freed.\n`);
  return EXIT.done;
}
