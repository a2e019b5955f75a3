import { expect, test } from "vitest";
import { completeLock, platformOf } from "./complete-lock.ts";
import { missingExports, sizeProblems } from "./package-check.ts";
import { smaller, staleFiles } from "./prepack.ts";
import { readTally, sum, tallyLine } from "./tally.ts";
import { tallyOf } from "./test.ts";

// Catches a closing line that the next reader cannot parse, and so a run that seems to have tested nothing.
test("a tally line is read back, the last one of an output counts", () => {
  const tally = { passed: 12, failed: 1, skipped: 3 };
  expect(readTally(`1 passed, 0 failed\nnoise 5 passed, 5 failed\n${tallyLine(tally)}\n`)).toEqual(tally);
  expect(tallyLine({ passed: 2, failed: 0, skipped: 0 })).toBe("2 passed, 0 failed");
  expect(sum([tally, tally])).toEqual({ passed: 24, failed: 2, skipped: 6 });
});

// Catches a test file that does not even load being counted as no failure.
test("a file that fails before its tests counts as one failure", () => {
  const assertionResults = [{ status: "passed" }, { status: "failed" }, { status: "pending" }];
  const report = {
    testResults: [
      { status: "failed", assertionResults },
      { status: "failed", assertionResults: [] },
    ],
  };
  expect(tallyOf(report)).toEqual({ passed: 1, failed: 2, skipped: 1 });
});

// Catches a lock that npm ci refuses on the next machine: each platform's package has to be in it, marked as optional there.
test("missing platform packages are added to the lock with their platform", () => {
  const packages = {
    "node_modules/a": { version: "1.0.0", dev: true, optionalDependencies: { "@a/linux-x64-musl": "1.0.0", b: "^1" } },
  };
  expect(completeLock(packages)).toEqual({
    packages: {
      ...packages,
      "node_modules/@a/linux-x64-musl": {
        version: "1.0.0",
        os: ["linux"],
        cpu: ["x64"],
        libc: ["musl"],
        dev: true,
        optional: true,
      },
    },
    added: ["node_modules/@a/linux-x64-musl"],
  });
  expect(platformOf("@x/y-win32-arm64-msvc")).toEqual({ os: ["win32"], cpu: ["arm64"] });
  expect(platformOf("fsevents")).toBeUndefined();
});

// Catches limits that nothing measures against.
test("a package that is too large, too much code or has strays is told so", () => {
  const good = { filename: "p.tgz", size: 1000, files: [{ path: "dist/index.js", size: 900 }] };
  expect(sizeProblems(good)).toEqual([]);
  expect(sizeProblems({ ...good, size: 20_000_001 })).toHaveLength(1);
  expect(sizeProblems({ ...good, files: [{ path: "dist/a.js", size: 1_000_001 }] })).toHaveLength(1);
  expect(sizeProblems({ ...good, files: [{ path: "dist/a.test.js", size: 1 }] })).toHaveLength(1);
});

// Catches an export that names a file the build no longer makes.
test("exports without a file are named", () => {
  const exported = {
    ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
    "./package.json": "./package.json",
  };
  expect(missingExports([exported, undefined], (path) => !path.endsWith(".js"))).toEqual(["./dist/index.js"]);
});

// Catches a packing step that breaks a module, renames what others see, or leaves a removed source's file in the package.
test("packing keeps a module's names and drops comments and files without a source", () => {
  const code =
    "#!/usr/bin/env node\n// why\nclass ShapeError extends Error {}\nexport function load(reference) {\n  return reference;\n}\n";
  const packed = smaller("a.js", code);
  expect(packed).toMatch(/^#!\/usr\/bin\/env node\n.*class ShapeError .*export function load\(/);
  expect(packed).not.toContain("why");
  expect(smaller("a.js", packed)).toBe(packed);
  expect(() => smaller("a.js", "const")).toThrow(/a\.js does not parse/);
  expect(staleFiles(["a.js", "a.d.ts", "gone.js", "gone.d.ts", ".x.tsbuildinfo"], (path) => path === "a.ts")).toEqual([
    "gone.js",
    "gone.d.ts",
  ]);
});
