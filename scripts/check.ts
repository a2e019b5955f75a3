/**
 * `npm run check -- [step …]`: the whole truth about this tree, or the steps named.
 * Every step counts as one passed or failed; the test step counts its tests.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { checkPackage } from "./package-check.ts";
import { NONE, sum, type Tally, tallyLine } from "./tally.ts";
import { browserSkip, runTests } from "./test.ts";

const ROOT = join(import.meta.dirname, "..");

function command(script: string, ...args: string[]): () => Tally {
  return () => {
    const { status } = spawnSync(process.execPath, [join(ROOT, "node_modules", script), ...args], {
      cwd: ROOT,
      stdio: "inherit",
    });
    return status === 0 ? { ...NONE, passed: 1 } : { ...NONE, failed: 1 };
  };
}

const TYPESCRIPT = "typescript/bin/tsc";

const STEPS = {
  // format, lint rules and import order in one pass
  lint: command("@biomejs/biome/bin/biome", "check", "--error-on-warnings"),
  types: () =>
    sum(
      [["-b"], ["-p", "tsconfig.tools.json"], ["-p", "apps/web"], ["-p", "recipes/pocket"]].map((args) =>
        command(TYPESCRIPT, ...args)(),
      ),
    ),
  tests: () => sum([runTests([]), browserSkip()]),
  "dead-code": command("knip/bin/knip.js"),
  package: checkPackage,
} as const satisfies Record<string, () => Tally>;

function isStep(name: string): name is keyof typeof STEPS {
  return Object.hasOwn(STEPS, name);
}

function check(names: readonly string[]): Tally {
  const unknown = names.filter((name) => !isStep(name));
  if (unknown.length > 0) {
    console.error(`Unknown step ${unknown.join(", ")}; there are ${Object.keys(STEPS).join(", ")}.`);
    return { ...NONE, failed: 1 };
  }
  const steps = names.length > 0 ? names.filter(isStep) : Object.keys(STEPS).filter(isStep);
  const results = steps.map((step) => {
    console.log(`\n── ${step}`);
    const started = performance.now();
    const tally = STEPS[step]();
    return { step, tally, seconds: (performance.now() - started) / 1000 };
  });
  console.log("");
  for (const { step, tally, seconds } of results)
    console.log(`${step.padEnd(10)} ${tallyLine(tally)} in ${seconds.toFixed(1)} s`);
  return sum(results.map(({ tally }) => tally));
}

const tally = check(process.argv.slice(2));
console.log(tallyLine(tally));
process.exitCode = tally.failed > 0 ? 1 : 0;
