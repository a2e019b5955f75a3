import { expect, test } from "vitest";
import { ANSWER_FLAGS, PICTURE_FLAGS } from "./answer-flags.ts";
import { MODEL_FLAGS } from "./model-flags.ts";
import { parseArguments } from "./parse-arguments.ts";
import { formatBytes, formatSeconds, parseBytes, table } from "./units.ts";

const FLAGS = { ...MODEL_FLAGS, ...PICTURE_FLAGS, ...ANSWER_FLAGS };

// catches flags of llama.cpp that people type from habit being refused
test("flags by the names of llama.cpp mean the same", () => {
  const args = parseArguments(
    [
      "-m",
      "x.gguf",
      "--ctx-size",
      "512",
      "--n-predict=7",
      "--temperature",
      "0.5",
      "--top_k",
      "9",
      "-i",
      "a",
      "-i",
      "b",
    ],
    FLAGS,
  );
  expect([args.number("context"), args.number("max-tokens"), args.number("temp"), args.number("top-k")]).toEqual([
    512, 7, 0.5, 9,
  ]);
  expect(args.texts("image")).toEqual(["a", "b"]);
});

// catches a switch that cannot be told from its absence
test("a switch is on, off or not said", () => {
  const flag = (...argv: string[]) => parseArguments(argv, FLAGS).flag("thinking");
  expect([flag("--thinking"), flag("--no-thinking"), flag()]).toEqual([true, false, undefined]);
});

// catches a question that starts with a dash being taken for flags
test("what follows -- is taken as it is", () => {
  expect(parseArguments(["a.png", "--", "-40 °C: where is that?"], FLAGS).positionals).toEqual([
    "a.png",
    "-40 °C: where is that?",
  ]);
});

// catches GB taken for GiB
test("sizes are read by their unit", () => {
  expect([parseBytes("2GiB", "--memory"), parseBytes("1.5GB", "--memory"), parseBytes("512", "--memory")]).toEqual([
    2 ** 31,
    1.5e9,
    512,
  ]);
  expect(() => parseBytes("2 apples", "--memory")).toThrow(/not a size/);
});

// catches "60 s" for 59.7 seconds beside "1 min", and columns that do not line up
test("sizes and times read as people write them", () => {
  expect([formatBytes(1_044_425_152), formatBytes(278_336), formatSeconds(0.84), formatSeconds(200)]).toEqual([
    "1.0 GB",
    "278 kB",
    "0.8 s",
    "3 min 20 s",
  ]);
  expect(
    table(
      ["name", "n"],
      [
        ["a", "5"],
        ["long", "12"],
      ],
    ),
  ).toBe("name   n\na      5\nlong  12");
});
