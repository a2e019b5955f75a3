// Opens the GGUF file that it is given, tokenizer and all, and prints the bytes that are held for it, as JSON. Needs --expose-gc.
import { nodePlatform } from "../../../src/runtime/node/node-platform.ts";
import { openFiles } from "../../../src/runtime/open-files.ts";

const [, , path] = process.argv;
const ROUNDS = 3;

/** Objects of the engine and buffers beside them, once garbage is gone. */
async function heldBytes(): Promise<number> {
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const platform = nodePlatform();
const before = await heldBytes();
const files = await openFiles({ language: path, companion: async () => undefined }, platform);
const ids = files.tokenizer.encode("What is this?");
const held = (await heldBytes()) - before;
console.log(JSON.stringify({ tokens: files.tokenizer.vocabularySize, held, text: files.tokenizer.decode(ids) }));
await files.language.close();
