import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { extendPositionTable } from "../position-table.ts";
import { parseRecipe } from "./parse-recipe.ts";
import { describePlan, planRecipe } from "./plan-recipe.ts";
import { isTrained, type Recipe } from "./recipe.ts";

const FOLDER = join(import.meta.dirname, "../../../recipes");
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const text = (name: string): string => readFileSync(join(FOLDER, name), "utf8");

function recipe(name: string): Recipe {
  return parseRecipe(text(name));
}

/** The text with one part of it changed, which must be there. */
function broken(from: string, to: string): string {
  const whole = text("minicpm-v1.json");
  expect(whole).toContain(from);
  return whole.replace(from, to);
}

describe("the recipes of the paper", () => {
  test("are all there and are read", () => {
    expect(FILES).toEqual(["minicpm-llama3-v2_5.json", "minicpm-v1.json", "minicpm-v2.json"]);
    for (const name of FILES) expect(recipe(name).stages.length, name).toBeGreaterThan(3);
  });

  // would catch: a stage that thaws what the paper keeps frozen
  test("train what the paper trains, at its resolutions", () => {
    const stages = recipe("minicpm-llama3-v2_5.json").stages.map(({ name, trainable, resolution }) => [
      name,
      trainable.join(),
      `${resolution.kind} ${resolution.side}`,
    ]);
    expect(stages).toEqual([
      ["1-resampler", "resampler", "fixed 224"],
      ["2-vision", "vision", "fixed 448"],
      ["3-slicing", "vision,resampler", "adaptive 448"],
      ["sft-1", "vision,resampler,language", "adaptive 448"],
      ["sft-2", "vision,resampler,language", "adaptive 448"],
      ["multilingual", "vision,resampler,language", "adaptive 448"],
    ]);
    const [first] = recipe("minicpm-v2.json").stages;
    expect(isTrained(first, "resampler.query")).toBe(true);
    expect(isTrained(first, "vpm.post_layernorm.weight")).toBe(false);
    expect(isTrained(first, "llm.lm_head.weight")).toBe(false);
  });

  test("name every source, and the sizes of the paper's groups", () => {
    const third = recipe("minicpm-v2.json").stages.find(({ name }) => name === "3-slicing");
    const sizes = third?.data.filter(({ samples }) => samples !== undefined).map(({ samples }) => samples);
    expect(sizes).toEqual([410e6, 110e6, 39e6, 11e6]);
    expect(third?.data.filter(({ group }) => group !== undefined).length).toBe(19);
    for (const name of FILES) for (const stage of recipe(name).stages) expect(stage.ours).toContain("optimiser");
  });
});

describe("a plan", () => {
  // would catch: FLOPs off by the factor of three that a backward pass adds, or counted for frozen weights too
  test("reckons about 6 FLOPs a trained parameter and token, fewer where most is frozen", () => {
    const planned = planRecipe(recipe("minicpm-v1.json"));
    const [warmUp, , sft] = planned.stages;
    expect(sft.parameters / 1e9).toBeGreaterThan(2.9);
    expect(sft.parameters / 1e9).toBeLessThan(3.6);
    expect(sft.trainedParameters).toBe(sft.parameters);
    expect(warmUp.trainedParameters / 1e6).toBeLessThan(40);
    // text 96 + 64 visual tokens through 2.7 G parameters, and 1,024 patches through 0.4 G
    const expected = 6 * (160 * 2.7e9 + 1024 * 0.4e9);
    expect(sft.flopsPerSample / expected).toBeGreaterThan(0.8);
    expect(sft.flopsPerSample / expected).toBeLessThan(1.4);
    expect(warmUp.memory.momentBytes).toBe(8 * warmUp.trainedParameters);
    const { weightBytes, gradientBytes, momentBytes, workspaceBytes, residentBytes } = sft.memory;
    expect(residentBytes).toBe(3 * weightBytes + 2 * gradientBytes + momentBytes + workspaceBytes);
    expect(describePlan(planned).join("\n")).toMatch(/in one process \d+\.\d GiB[\s\S]*days on/);
  });
});

describe("a recipe is refused", () => {
  test.each([
    ["a misspelt field", '"order": "mixed"', '"ordre": "mixed"', /stages\[0\]\.ordre is not known/],
    ["an unknown part", '"resampler"\n', '"sampler"\n', /stages\[0\]\.trainable names "sampler"/],
    ["a number that is none", '"rate": 0.001', '"rate": "fast"', /stages\[0\]\.optimiser\.rate is "fast"/],
    [
      "a width that does not fit",
      '"width": 2304,\n      "hasQ',
      '"width": 2300,\n      "hasQ',
      /resampler\.width is 2300/,
    ],
    ["two stages of one name", '"name": "2-vision"', '"name": "1-resampler"', /two stages called "1-resampler"/],
    ["a fraction of a sample", '"samples": 200000000', '"samples": 0.5', /stages\[0\]\.samples is 0\.5/],
  ])("for %s", (_, from, to, message) => {
    expect(() => parseRecipe(broken(from, to))).toThrow(message);
  });

  test("that is not JSON", () => {
    expect(() => parseRecipe("{")).toThrow(/not JSON/);
  });
});

// would catch: a table whose places move when it grows
test("an extended position table keeps constants, and slopes away from its edges", () => {
  const side = 16;
  const flat = new Float32Array(side * side * 2).fill(3);
  for (const value of extendPositionTable(flat, { from: side, to: 32, width: 2 })) expect(value).toBeCloseTo(3, 5);
  const slope = Float32Array.from({ length: side * side }, (_, i) => i % side);
  const extended = extendPositionTable(slope, { from: side, to: 32, width: 1 });
  for (let x = 6; x < 26; x++) expect(extended[10 * 32 + x]).toBeCloseTo((x + 0.5) / 2 - 0.5, 4);
});
