import { readFile } from "node:fs/promises";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";

/** `minicpmv train recipe.json --plan` */
export const trainCommand: Command = {
  name: "train",
  summary: "Says what a training recipe will take: steps, memory and time on several machines.",
  usage: "RECIPE --plan",
  flags: {
    plan: { type: "boolean", help: "print the plan" },
    json: { type: "boolean", help: "print it as JSON" },
  },
  examples: ["minicpmv train recipes/minicpm-llama3-v2_5.json --plan"],
  run,
};

async function run(args: Arguments, { terminal }: CommandContext): Promise<number> {
  const [path] = args.positionals;
  if (path === undefined) throw new UsageError("No recipe is named.", "minicpmv train RECIPE --plan");
  if (!args.has("plan")) {
    throw new UsageError(
      "This command plans; it does not train, since data and start weights are a program's to give.",
      "Add --plan, or call runTraining of minicpmv/train; recipes/pocket/train.ts shows how.",
    );
  }
  const { parseRecipe } = await import("../../train/recipe/parse-recipe.ts");
  const { describePlan, planRecipe } = await import("../../train/recipe/plan-recipe.ts");
  const plan = planRecipe(parseRecipe(await readFile(path, "utf8")));
  terminal.out(args.has("json") ? `${JSON.stringify(plan, null, 2)}\n` : `${describePlan(plan).join("\n")}\n`);
  return EXIT.done;
}
