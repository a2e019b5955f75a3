import { expect, test } from "vitest";
import { parseRepoRef } from "../../../src/io/hub/repo-ref.ts";
import { cli } from "./run-cli.ts";

interface Listed {
  readonly title: string;
  readonly reference: string;
  readonly sizeBytes: number;
  readonly neededBytes: number;
  readonly fits: boolean;
  readonly secondsPerPicture: number;
  readonly licence: string;
  readonly languages: string;
}

const VERSIONS = ["V 1.0", "V 2.0", "Llama3-V 2.5", "V 2.6", "V 4.0", "V 4.5", "V 4.6", "o 2.6", "o 4.5"];

// catches a version that can be run and is not named, a reference that pull would refuse, and a verdict that does not depend on the memory
test("models lists every version with what it takes, and says what fits", async () => {
  const { code, out } = await cli(["models", "--memory", "2GiB", "--json", "-t", "1"]);
  expect(code).toBe(0);
  const { sets }: { readonly sets: readonly Listed[] } = JSON.parse(out);
  expect([...new Set(sets.map(({ title }) => title))].sort()).toEqual(VERSIONS.map((name) => `MiniCPM-${name}`).sort());
  for (const set of sets) {
    expect(parseRepoRef(set.reference).repo).toMatch(/^openbmb\//);
    expect(set.fits, set.reference).toBe(set.neededBytes <= 2 ** 31);
    expect(set.neededBytes, set.reference).toBeGreaterThan(set.sizeBytes / 4);
    expect(set.secondsPerPicture, set.reference).toBeGreaterThan(0);
    expect(set.licence, set.reference).toBe(/4\.6/.test(set.title) ? "Apache-2.0" : "MiniCPM Model License");
    expect(set.languages, set.reference).not.toBe("");
  }
  expect(sets.filter(({ fits }) => fits).map(({ reference }) => reference)).toEqual([
    "openbmb/MiniCPM-V-4.6-gguf:Q4_K_M",
    "openbmb/MiniCPM-V-4.6-gguf:Q8_0",
    "openbmb/MiniCPM-V-4.6-gguf:F16",
    "openbmb/MiniCPM-V-4.6",
  ]);
});
