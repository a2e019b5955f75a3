import { listCachedRepos } from "../../io/node/cached-repos.ts";
import { readHubEnvironment } from "../../io/node/hub-environment.ts";
import { listOllamaModels, ollamaFolder } from "../../io/node/ollama-models.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { formatBytes, table } from "../units.ts";

/** `minicpmv list` */
export const listCommand: Command = {
  name: "list",
  summary: "Lists the models that are on this disk: the Hugging Face cache and ollama's.",
  usage: "",
  flags: { json: { type: "boolean", help: "print as JSON" } },
  examples: ["minicpmv list", "minicpmv list --json"],
  run,
};

async function run(args: Arguments, { terminal, env }: CommandContext): Promise<number> {
  const { cacheFolder } = await readHubEnvironment(env);
  const repos = await listCachedRepos(cacheFolder);
  const ollama = await listOllamaModels(ollamaFolder(env));
  if (args.has("json")) {
    terminal.out(`${JSON.stringify({ cacheFolder, repos, ollama }, null, 2)}\n`);
    return EXIT.done;
  }
  const rows = repos.map(({ repo, sizeBytes, unfinishedBytes, revisions }) => [
    repo,
    formatBytes(sizeBytes),
    unfinishedBytes > 0 ? `${formatBytes(unfinishedBytes)} unfinished` : "",
    revisions
      .flatMap(({ files }) => files.map(({ path }) => path).filter((path) => /gguf|safetensors/.test(path)))
      .join(" "),
  ]);
  if (rows.length > 0) terminal.out(`${table(["model", "size", "", "files"], rows)}\n`);
  for (const name of ollama) terminal.out(`ollama:${name}\n`);
  if (rows.length + ollama.length === 0) {
    terminal.note(`No models in ${cacheFolder}. \`minicpmv models\` shows what can be fetched.`);
  }
  return EXIT.done;
}
