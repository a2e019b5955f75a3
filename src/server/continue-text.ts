import type { ChatEvent } from "../chat/answer.ts";
import { AnswerWriter } from "../chat/answer-writer.ts";
import { schemaConstraint } from "../chat/constraint.ts";
import type { Model } from "../chat/model.ts";
import { CHAT_TEMPLATES } from "../chat/templates/template-registry.ts";
import { decode, type FinishReason, prefill } from "../runtime/generate.ts";
import { Sampler } from "../runtime/sampling/sampler.ts";
import { GREEDY, samplingSettings } from "../runtime/sampling/settings.ts";
import type { EnginePart, EngineRequest } from "./engine.ts";
import { schemaOf, scoredToken } from "./engine-parts.ts";

/** Continues a text as it is, without a chat template: /v1/completions. */
export async function* continueText(
  { runtime }: Model,
  text: string,
  request: EngineRequest,
): AsyncGenerator<EnginePart> {
  const { signal, sampling, stop, format, topLogProbabilities } = request;
  const { tokenizer, description } = runtime;
  const template = CHAT_TEMPLATES[description.template];
  const settings = samplingSettings({ ...GREEDY, ...description.generation }, sampling);
  const ends = template.stopTokens.flatMap((token) => tokenizer.findId(token) ?? []);
  const all = tokenizer.eosId === undefined ? ends : [...ends, tokenizer.eosId];
  const stopIds = new Set<number>(request.ignoresEnd ? [] : all);
  const constraint = schemaConstraint({ runtime, template, maskers: new Map() }, schemaOf(format));
  const ids = tokenizer.encode(text, { addSpecial: template.addSpecial, parseSpecial: true });
  const prompt = { ids, keys: ids, visualAt: [], width: 0, visualRows: async () => new Float32Array() };
  const beginMs = performance.now();
  const cache = await runtime.cache();
  const start = await prefill(cache, prompt, { signal });
  const readMs = performance.now();
  const events: ChatEvent[] = [];
  const writer = new AnswerWriter({
    tokenizer,
    startsThinking: false,
    stop,
    givesTokens: topLogProbabilities !== undefined,
    emit: (event) => events.push(event),
  });
  const sampler = new Sampler({ settings, stopIds, constraint, topCount: topLogProbabilities });
  const { maxNewTokens } = settings;
  let reason: FinishReason = "length";
  try {
    const steps = decode(cache, start, { sampler, stopIds, maxNewTokens, signal });
    for (;;) {
      const next = await steps.next();
      if (next.done === true) {
        reason = next.value;
        break;
      }
      const isStopped = writer.push(next.value, stopIds.has(next.value.id));
      yield* partsOf(events.splice(0));
      if (isStopped) break;
    }
  } finally {
    start.lease.release();
  }
  reason = writer.finish(reason);
  yield* partsOf(events.splice(0));
  yield {
    kind: "end",
    reason: reason === "length" ? "length" : "stop",
    usage: {
      promptTokens: ids.length,
      cachedTokens: start.lease.reused,
      completionTokens: writer.tokens.length,
      reasoningTokens: 0,
      promptMs: readMs - beginMs,
      decodeMs: performance.now() - readMs,
      encodeMs: 0,
      pictures: [],
    },
  };

  function partsOf(shown: readonly ChatEvent[]): EnginePart[] {
    // a raw text has no thoughts: what looks like one is text
    const said = shown.map((event) => (event.type === "text" || event.type === "thinking" ? event.text : "")).join("");
    const tokens = shown.flatMap((event) => (event.type === "token" ? [scoredToken(event.token, tokenizer)] : []));
    return said === "" && tokens.length === 0 ? [] : [{ kind: "text", text: said, tokens }];
  }
}
