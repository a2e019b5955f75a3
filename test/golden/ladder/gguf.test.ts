import { expect, test } from "vitest";
import { ConfigJson } from "../../../src/model/config-json.ts";
import type { ModelOptions } from "../../../src/model/minicpmv/version.ts";
import { answer, openPair, type TorchAnswer } from "./ask.ts";
import { goldenFile, nmse, readGolden, readJson } from "./harness.ts";

/** What llama.cpp answers on the pair. */
interface LlamaAnswer {
  readonly promptTokens: number;
  readonly greedyTokens: readonly number[];
  /** Tokens before its float16 activations part from float64 where two logits are close. */
  readonly greedyTokensAgreeingWithTorch: number;
  readonly firstTokenProbabilities: readonly { readonly id: number; readonly probability: number }[];
}

for (const folder of ["v2.5", "v2.6", "v4.5", "v4.6"]) {
  test(`${folder} from GGUF answers as torch and as its own safetensors`, async () => {
    // catches wrong GGUF names, permuted heads, swapped feed-forward maps, transforms applied twice or never
    const torch = await readJson<TorchAnswer>(folder, "gguf/torch.json");
    const picture = goldenFile(folder, "gguf/square.png");
    const pair = await openPair(folder);
    await using golden = await readGolden(folder);
    const asked = { ids: torch.inputIds, options: {} };
    const found = await answer(pair, picture, asked);
    const config = new ConfigJson(golden.config);
    const published = await answer({ config, language: golden.checkpoint }, picture, asked);
    await Promise.all([pair.language.close(), pair.vision.close()]);
    expect(nmse(found.lastLogits, torch.lastLogits)).toBeLessThan(1e-9);
    expect(found.greedyTokens).toEqual(torch.greedyTokens);
    expect(nmse(found.lastLogits, published.lastLogits)).toBeLessThan(1e-11);
  });

  test(`${folder} from GGUF answers as llama.cpp`, async () => {
    // catches agreement with our own writer of the pair alone: llama.cpp reads the same two files
    const torch = await readJson<TorchAnswer>(folder, "gguf/torch.json");
    const llama = await readJson<LlamaAnswer>(folder, "gguf/llama-node.json");
    const pair = await openPair(folder);
    const options: ModelOptions = torch.withGridPositions === undefined ? {} : { positions: "navit" };
    const found = await answer(pair, goldenFile(folder, "gguf/square.png"), { ids: torch.inputIds, options });
    await Promise.all([pair.language.close(), pair.vision.close()]);
    const official = torch.withGridPositions ?? torch;
    expect(torch.inputIds.length).toBe(llama.promptTokens);
    const shared = llama.greedyTokensAgreeingWithTorch;
    expect(shared).toBeGreaterThan(0);
    expect(found.greedyTokens.slice(0, shared)).toEqual(llama.greedyTokens.slice(0, shared));
    expect(found.greedyTokens).toEqual(official.greedyTokens);
    expect(probabilityError(official.lastLogits, llama)).toBeLessThan(LLAMA_PROBABILITY_ERROR);
    expect(probabilityError(found.lastLogits, llama)).toBeCloseTo(probabilityError(official.lastLogits, llama), 5);
  });
}

/**
 * llama.cpp rounds activations of F16 weights to float16, and this is its distance from float64: torch's own logits lie as
 * far from it (2.5: 0.0015, 2.6: 0.0015, 4.5: 0.0006, 4.6: 0.0033).
 */
const LLAMA_PROBABILITY_ERROR = 0.005;

/** Largest difference between our and llama.cpp's probability of a first token. */
function probabilityError(logits: readonly number[], llama: LlamaAnswer): number {
  const top = Math.max(...logits);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0);
  return Math.max(
    ...llama.firstTokenProbabilities.map(({ id, probability }) =>
      Math.abs(Math.exp(logits[id] - top) / total - probability),
    ),
  );
}
