import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { imagePlaceholder } from "../../../src/chat/placeholders.ts";
import { patchify } from "../../../src/image/patchify.ts";
import { slicePlan } from "../../../src/image/slice-plan.ts";
import { memorySource } from "../../../src/io/memory-source.ts";
import { tokenizerFromJson } from "../../../src/tokenizer/tokenizer-json.ts";
import { openCheckpoint } from "../../../src/weights/open-checkpoint.ts";
import { argmax } from "../ladder/climb.ts";
import { BACKENDS, openModel } from "../ladder/open-model.ts";
import { PAIR_SEED, PROMPT, pairBytes, pairFile, QUERY_COUNT, testPicture } from "./pocket-pair.ts";

const PICTURE = 224;
const POCKET_SLICING = { granule: 14, maxSlices: 9, scaleResolution: PICTURE };

/** What llama.cpp answered on the pair: written by reference/llama-node/pocket.ts. */
interface Recorded {
  readonly sha256: Readonly<Record<string, string>>;
  readonly answers: readonly {
    readonly seed: number;
    readonly promptTokens: number;
    readonly greedyTokens: readonly number[];
  }[];
  readonly slicedPromptTokens: number;
}

// catches an exporter or a shape of the embedded model that llama.cpp reads otherwise: heads, positions, names, vocabulary
test("a pair of the embedded model's shape answers in llama.cpp's MiniCPM-V path as here", async () => {
  const recorded: Recorded = JSON.parse(await pairFile("llama-node.json"));
  const bytes = await pairBytes(PAIR_SEED);
  for (const [name, file] of Object.entries(bytes)) {
    expect(createHash("sha256").update(file).digest("hex"), `${name}: record again`).toBe(recorded.sha256[name]);
  }
  const files = {
    language: await openCheckpoint(memorySource(bytes.language, "language.gguf")),
    vision: await openCheckpoint(memorySource(bytes.vision, "vision.gguf")),
  };
  const batch = { views: 1, patches: 256 };
  using model = await openModel(files, { backend: await BACKENDS["wasm, inline"](), batch });
  expect(model.description.title).toMatch(/^pocket/);
  const tokenizer = tokenizerFromJson(JSON.parse(await pairFile("tokenizer.json")));
  const filler = tokenizer.idOf("<unk>");
  const promptIds = (side: number): readonly number[] => {
    const plan = slicePlan({ width: side, height: side }, POCKET_SLICING);
    const grid = plan.sliced?.grid;
    const viewTokenCounts = Array<number>(1 + (grid === undefined ? 0 : grid.rows * grid.columns)).fill(QUERY_COUNT);
    // llama.cpp writes no image ids
    const picture = imagePlaceholder("flat", { viewTokenCounts, grid }, 0, { usesImageIds: false });
    return Array.from(tokenizer.encode(PROMPT.replace("<__media__>", picture), { parseSpecial: true }), Number);
  };
  expect(promptIds(2 * PICTURE).length).toBe(recorded.slicedPromptTokens);
  const ids = promptIds(PICTURE);
  const at = ids.flatMap((id, i) => (id === filler ? [i] : []));
  for (const { seed, promptTokens, greedyTokens } of recorded.answers) {
    expect(ids.length).toBe(promptTokens);
    const [{ rows }] = await model.vision.encode([patchify(testPicture(PICTURE, seed))]);
    const sequence = model.decoder.open();
    let logits: ArrayLike<number> = await model.decoder.step([{ sequence, ids, visual: { rows, at } }]);
    const said: number[] = [];
    while (said.length < greedyTokens.length) {
      said.push(argmax(logits));
      logits = await model.decoder.step([{ sequence, ids: said.slice(-1) }]);
    }
    model.decoder.close(sequence);
    expect(said).toEqual(greedyTokens);
  }
  // a picture that is not looked at would pass the comparison as well
  const [first, second] = recorded.answers;
  expect(first.greedyTokens).not.toEqual(second.greedyTokens);
});
