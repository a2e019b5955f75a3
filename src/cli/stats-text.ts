import type { Answer } from "../chat/answer.ts";
import type { Model } from "../chat/model.ts";
import { formatBytes, formatSeconds } from "./units.ts";

/** What was held at most, what of it, and how much that is beyond weights and cache. */
export function memoryText(stats: Model["stats"]): string {
  const { peakResidentBytes, peakWeightBytes, peakCacheBytes, processPeakBytes } = stats;
  const beyond = (bytes: number): string => {
    const rest = bytes - peakWeightBytes - peakCacheBytes;
    return `${formatBytes(rest)} (${((rest / Math.max(1, peakWeightBytes)) * 100).toFixed(1)} % of the weights)`;
  };
  const own = `${formatBytes(peakResidentBytes)} at most: weights ${formatBytes(peakWeightBytes)}, cache ${formatBytes(peakCacheBytes)}, workspaces ${beyond(peakResidentBytes)}`;
  const whole =
    processPeakBytes === undefined
      ? ""
      : `; the process ${formatBytes(processPeakBytes)}, beyond weights and cache ${beyond(processPeakBytes)}`;
  return `${own}; ${formatBytes(stats.plannedPeakBytes)} planned${whole}`;
}

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
    `memory    ${memoryText(stats)}`,
    `backend   ${model.runtime.backend.info.description}; tower on the ${model.runtime.towerPath} path`,
  ].join("\n");
}
