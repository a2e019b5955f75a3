/** `npm test -- [vitest arguments]`: runs every test project and closes with one tally line. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium } from "../test/browser/harness/chromium.ts";
import { NONE, sum, type Tally, tallyLine } from "./tally.ts";

const ROOT = join(import.meta.dirname, "..");

interface VitestReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** Counts tests; a file that failed before any of its tests ran counts as one failure. */
export function tallyOf(report: VitestReport): Tally {
  return sum(
    report.testResults.map((file) => {
      const count = (...statuses: string[]): number =>
        file.assertionResults.filter(({ status }) => statuses.includes(status)).length;
      const failed = count("failed");
      const brokenFile = file.status === "failed" && failed === 0 ? 1 : 0;
      return {
        passed: count("passed"),
        failed: failed + brokenFile,
        skipped: count("skipped", "pending", "todo", "disabled"),
      };
    }),
  );
}

/** Runs vitest with further arguments and returns its counts; output goes to the terminal as it comes. */
export function runTests(extra: readonly string[]): Tally {
  const folder = mkdtempSync(join(tmpdir(), "minicpmv-test-"));
  const report = join(folder, "report.json");
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const fixed = ["run", "--passWithNoTests", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { status } = spawnSync(process.execPath, [vitest, ...fixed, ...extra], { cwd: ROOT, stdio: "inherit" });
  const tally = existsSync(report) ? tallyOf(JSON.parse(readFileSync(report, "utf8"))) : NONE;
  rmSync(folder, { recursive: true });
  // an error outside any test (a worker that died, an unhandled rejection) shows in the exit status alone
  return status === 0 || tally.failed > 0 ? tally : { ...tally, failed: 1 };
}

/** The browser project counts as one skip where it cannot run, and says why. */
export function browserSkip(): Tally {
  const chromium = findChromium();
  if (!("missing" in chromium)) return NONE;
  console.log(`The browser project is skipped: ${chromium.missing}.`);
  return { ...NONE, skipped: 1 };
}

if (process.argv[1] === import.meta.filename) {
  const tally = sum([runTests(process.argv.slice(2)), browserSkip()]);
  console.log(tallyLine(tally));
  process.exitCode = tally.failed > 0 ? 1 : 0;
}
