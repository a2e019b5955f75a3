import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { playwright } from "@vitest/browser-playwright";
import type { Plugin } from "vite";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { CHROMIUM_ARGUMENTS, findChromium, ISOLATION_HEADERS } from "./test/browser/harness/chromium.ts";

const SOURCES = join(import.meta.dirname, "src");

/** With the folder of an installed package in MINICPMV_PACKAGE, what tests import from src/ comes from that package's dist/. */
function packageUnderTest(): Plugin[] {
  const folder = process.env.MINICPMV_PACKAGE;
  if (folder === undefined) return [];
  return [
    {
      name: "package-under-test",
      enforce: "pre",
      resolveId(id, importer) {
        if (importer === undefined || !id.startsWith(".")) return undefined;
        const path = relative(SOURCES, resolve(dirname(importer), id));
        const built = join(folder, "dist", path.replace(/\.ts$/, ".js"));
        return path.startsWith("..") || !existsSync(built) ? undefined : built;
      },
    },
  ];
}

/**
 * One process for all files of a worker: on two cores the unit project takes a fifth less time than with one process a file
 * (27.6 against 35.8 CPU seconds for 47 files), and no module here keeps state that one file could leave to the next.
 */
function nodeProject(name: string, include: string[], testTimeout: number): TestProjectInlineConfiguration {
  return {
    plugins: packageUnderTest(),
    // what is made before the tests takes as long as they may: a busy machine starts eight backends in more than ten seconds
    test: { name, include, environment: "node", pool: "forks", isolate: false, testTimeout, hookTimeout: testTimeout },
  };
}

function browserProjects(): TestProjectInlineConfiguration[] {
  const chromium = findChromium();
  if ("missing" in chromium) return [];
  return [
    {
      server: { headers: ISOLATION_HEADERS },
      test: {
        name: "browser",
        include: ["test/browser/**/*.test.ts"],
        testTimeout: 60_000,
        hookTimeout: 60_000,
        browser: {
          enabled: true,
          headless: true,
          screenshotFailures: false,
          provider: playwright({ launchOptions: { executablePath: chromium.path, args: CHROMIUM_ARGUMENTS } }),
          instances: [{ browser: "chromium" }],
        },
      },
    },
  ];
}

export default defineConfig({
  test: {
    projects: [
      nodeProject(
        "unit",
        ["src/**/*.test.ts", "lint/**/*.test.ts", "scripts/**/*.test.ts", "bench/**/*.test.ts"],
        20_000,
      ),
      nodeProject("parity", ["test/parity/**/*.test.ts"], 60_000),
      nodeProject("golden", ["test/golden/**/*.test.ts"], 120_000),
      nodeProject("e2e", ["test/e2e/**/*.test.ts"], 120_000),
      ...browserProjects(),
    ],
  },
});
