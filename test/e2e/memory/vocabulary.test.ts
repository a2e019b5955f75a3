import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { syntheticVocabulary } from "../../../bench/models/synthetic-vocabulary.ts";
import { writeGguf } from "../../../src/quantize/gguf-writer.ts";
import { fileSink } from "../../../src/quantize/node/file-sink.ts";

const CHILD = fileURLToPath(new URL("./vocabulary-in-child.ts", import.meta.url));
/** As many as V-4.6 has. */
const TOKENS = 248_094;
/** 74 measured, 34 of them for the pairs, 16 for the strings, 8 for their index, 4 for the types; 178 with strings and maps of the engine. */
const MOST_BYTES_A_TOKEN = 90;

// bugs: strings of the engine for every token, a Map of them, merge rules or a parsed header that outlive the making of the tokenizer
test("an opened vocabulary holds few bytes a token", { timeout: 240_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "minicpmv-vocabulary-"));
  try {
    const path = join(folder, "vocabulary.gguf");
    await writeGguf(await fileSink(path), syntheticVocabulary(TOKENS), []);
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--no-warnings",
      "--experimental-strip-types",
      "--expose-gc",
      CHILD,
      path,
    ]);
    const { tokens, held, text } = JSON.parse(stdout) as { tokens: number; held: number; text: string };
    expect(text).toBe("What is this?");
    expect(tokens).toBe(TOKENS);
    expect(held / tokens).toBeLessThan(MOST_BYTES_A_TOKEN);
  } finally {
    await rm(folder, { recursive: true });
  }
});
