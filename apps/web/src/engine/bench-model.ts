import type { CallContext } from "./engine-worker.ts";
import { openedModel } from "./model-calls.ts";
import type { BenchResult } from "./protocol.ts";

const SIDE = 448;
const DECODED = 64;
const PROMPT = "Describe what you see, line by line and word by word. ".repeat(8);

/** Measures the opened model on this device: one picture of one view, a prompt, 64 tokens; the better of two runs. */
export async function benchModel({ emit, signal }: CallContext<"bench">): Promise<BenchResult> {
  const model = openedModel();
  let best: BenchResult | undefined;
  for (let run = 0; run < 2; run++) {
    emit({ text: `Run ${run + 1} of 2` });
    const before = model.stats.encodedViews;
    // another picture each time, or the second would come from the cache
    const image = { width: SIDE, height: SIDE, data: new Uint8Array(SIDE * SIDE * 3).fill(100 + run) };
    const { timings, usage } = await model.complete([{ role: "user", content: [{ image }, PROMPT] }], {
      maxNewTokens: DECODED,
      ignoresStopTokens: true,
      signal,
    });
    const { info } = model.runtime.backend;
    const result: BenchResult = {
      model: model.title,
      threads: info.threadCount,
      encodeMs: timings.encodeMs,
      views: model.stats.encodedViews - before,
      promptTokens: usage.promptTokens - usage.reusedTokens,
      promptTokensPerSecond: ((usage.promptTokens - usage.reusedTokens) * 1000) / timings.prefillMs,
      decodeTokensPerSecond: timings.tokensPerSecond,
      residentBytes: model.stats.residentBytes,
    };
    if (best === undefined || result.decodeTokensPerSecond > best.decodeTokensPerSecond) best = result;
  }
  if (best === undefined) throw new Error("Nothing was measured.");
  return best;
}
