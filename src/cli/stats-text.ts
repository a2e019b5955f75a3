import type { Answer } from "../chat/answer.ts";
import type { Model } from "../chat/model.ts";
import { formatBytes, formatSeconds } from "./units.ts";

/** Time and memory of an answer, for people. */
export function statsText({ usage, timings }: Answer, model: Model): string {
  const seconds = (ms: number): string => formatSeconds(ms / 1000);
  const { stats } = model;
  const loads = stats.loads.map(
    ({ part, ms, residentBytes }) => `${part} ${formatBytes(residentBytes)} in ${seconds(ms)}`,
  );
  return [
    `prompt    ${usage.promptTokens} tokens, ${usage.pictureTokens} of them of pictures, ${usage.reusedTokens} reused`,
    `pictures  cut in ${seconds(timings.preprocessMs)}, encoded in ${seconds(timings.encodeMs)}`,
    `prefill   ${seconds(timings.prefillMs)}; first token after ${seconds(timings.firstTokenMs)}`,
    `answer    ${usage.completionTokens} tokens, ${timings.tokensPerSecond.toFixed(1)} a second`,
    `loaded    ${loads.join("; ") || "nothing"}`,
    `memory    ${formatBytes(stats.peakResidentBytes)} at most, ${formatBytes(stats.plannedPeakBytes)} planned`,
    `backend   ${model.runtime.backend.info.description}; tower on the ${model.runtime.towerPath} path`,
  ].join("\n");
}
