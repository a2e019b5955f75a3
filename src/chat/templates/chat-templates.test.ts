import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { imagePlaceholder, type PicturePlan, promptParts } from "../placeholders.ts";
import { ChatTemplateError } from "./errors.ts";
import type { ChatMessage, PromptOptions } from "./messages.ts";
import { CHAT_TEMPLATES, renderPrompt, type TemplateVersion } from "./template-registry.ts";

function textOf(
  version: TemplateVersion,
  messages: readonly ChatMessage[],
  plans: readonly PicturePlan[] = [],
  options: PromptOptions = {},
): string {
  const segments = renderPrompt(version, messages, options);
  return promptParts(segments, CHAT_TEMPLATES[version].schema, plans)
    .map((part) => part.text)
    .join("");
}

interface GoldenMessage {
  readonly role: ChatMessage["role"];
  readonly content: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: ChatMessage["toolCalls"];
}

interface Goldens {
  readonly conversations: Readonly<Record<string, readonly GoldenMessage[]>>;
  readonly tools: readonly unknown[];
  readonly rendered: Readonly<
    Record<string, readonly { conversation: string; tools: boolean; thinking: boolean; text: string }[]>
  >;
}

const goldens: Goldens = JSON.parse(
  readFileSync(new URL("../../../test/golden/tokenizer/chat-templates.json", import.meta.url), "utf8"),
);

function conversation(name: string): ChatMessage[] {
  return goldens.conversations[name].map(({ role, content, reasoning_content, tool_calls }) => ({
    role,
    content,
    reasoning: reasoning_content,
    toolCalls: tool_calls,
  }));
}

describe("prompts equal the published jinja templates", () => {
  // Version 4.5 opens the thought itself, which the published Qwen3 template leaves to the model.
  test.each(goldens.rendered.qwen3)("4.5 and Qwen3: $conversation, tools $tools, thinking $thinking", (golden) => {
    const options = { thinking: golden.thinking, tools: golden.tools ? goldens.tools : [] };
    const text = textOf("4.5", conversation(golden.conversation), [], options);
    expect(text).toBe(golden.thinking ? `${golden.text}<think>\n` : golden.text);
    expect(textOf("o-4.5", conversation(golden.conversation), [], options)).toBe(golden.text);
  });

  test.each(goldens.rendered.qwen35)("4.6 and Qwen3.5: $conversation, tools $tools, thinking $thinking", (golden) => {
    const options = { thinking: golden.thinking, tools: golden.tools ? goldens.tools : [] };
    expect(textOf("4.6", conversation(golden.conversation), [], options)).toBe(golden.text);
  });

  const plain = goldens.rendered.llama3.filter((golden) => !golden.tools && !golden.conversation.includes("tool"));
  test.each(plain)("2.5 and Llama 3: $conversation", (golden) => {
    expect(textOf("2.5", conversation(golden.conversation))).toBe(golden.text);
  });
});

describe("worked prompts: one picture of 640×480, two slices side by side", () => {
  const messages: ChatMessage[] = [{ role: "user", content: [{ type: "image" }, { type: "text", text: "Q?" }] }];
  const view = (count: number, filler = "<unk>"): string => filler.repeat(count);
  const plan = (...viewTokenCounts: number[]): PicturePlan =>
    viewTokenCounts.length === 1 ? { viewTokenCounts } : { viewTokenCounts, grid: { columns: 2, rows: 1 } };
  const u = view(64);
  const nested = (unit: string): string =>
    `<image>${unit}</image><slice><image>${unit}</image><image>${unit}</image></slice>`;
  const flat = `<image_id>0</image_id><image>${u}</image><slice>${u}</slice><slice>${u}</slice>`;
  const pad = (count: number): string => view(count, "<|image_pad|>");
  const cases: [TemplateVersion, PicturePlan, string][] = [
    ["1.0", plan(64), `<s><用户><image>${u}</image>\nQ?<AI>`],
    ["2.0", plan(64, 64, 64), `<s><用户>${nested(u)}\nQ?<AI>`],
    [
      "2.5",
      plan(96, 96, 96),
      `<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n${nested(view(96))}\nQ?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n`,
    ],
    [
      "2.6",
      plan(64, 64, 64),
      `<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n${flat}\nQ?<|im_end|>\n<|im_start|>assistant\n`,
    ],
    ["4.0", plan(64, 64, 64), `<|im_start|>user\n${flat}\nQ?<|im_end|>\n<|im_start|>assistant\n`],
    [
      "4.5",
      plan(64, 64, 64),
      `<|im_start|>user\n${flat}\nQ?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n`,
    ],
    [
      "4.6",
      plan(63, 70, 70),
      `<|im_start|>user\n<image_id>0</image_id><image>${pad(63)}</image><slice>${pad(70)}</slice><slice>${pad(70)}</slice>\nQ?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n`,
    ],
  ];
  test.each(cases)("%s", (version, picture, expected) => {
    expect(textOf(version, messages, [picture])).toBe(expected);
  });
});

describe("placeholders", () => {
  // Catches rows and columns swapped, and a newline after the last row.
  test("rows of slices are joined by newlines", () => {
    const plan = { viewTokenCounts: [1, 1, 2, 1, 2], grid: { columns: 2, rows: 2 } };
    expect(imagePlaceholder("flat", plan, 3)).toBe(
      "<image_id>3</image_id><image><unk></image><slice><unk></slice><slice><unk><unk></slice>\n<slice><unk></slice><slice><unk><unk></slice>",
    );
    expect(imagePlaceholder("nested", { viewTokenCounts: [1, 1, 1], grid: { columns: 1, rows: 2 } }, 0)).toBe(
      "<image><unk></image><slice><image><unk></image>\n<image><unk></image></slice>",
    );
  });

  test("frames of a video have no image ids", () => {
    expect(imagePlaceholder("flat", { viewTokenCounts: [1] }, 0, { usesImageIds: false })).toBe("<image><unk></image>");
  });

  test("a plan that contradicts itself is refused", () => {
    expect(() => imagePlaceholder("flat", { viewTokenCounts: [1, 1], grid: { columns: 2, rows: 1 } }, 0)).toThrow(
      "2×1",
    );
    expect(() => promptParts([{ kind: "image", index: 0 }], "flat", [])).toThrow("1 pictures and 0 slice plans");
  });
});

// Catches pictures numbered per message, or joined without a newline.
test("few-shot pictures are numbered through the conversation", () => {
  const image = { type: "image" } as const;
  const messages: ChatMessage[] = [
    { role: "user", content: [image, image, { type: "text", text: "a?" }] },
    { role: "assistant", content: "A." },
    { role: "user", content: [image, { type: "text", text: "b?" }] },
  ];
  const plans = [1, 1, 1].map((count) => ({ viewTokenCounts: [count] }));
  const text = textOf("2.6", messages, plans, { systemPrompt: "S" });
  const block = (id: number): string => `<image_id>${id}</image_id><image><unk></image>\n`;
  expect(text).toBe(
    `<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n${block(0)}${block(1)}a?<|im_end|>\n` +
      `<|im_start|>assistant\nA.<|im_end|>\n<|im_start|>user\n${block(2)}b?<|im_end|>\n<|im_start|>assistant\n`,
  );
});

// Catches a user who writes a picture's marks or ends the turn; grounding marks are what users do write.
test("text of a user is no template text, except for grounding marks", () => {
  const segments = renderPrompt("2.6", [
    { role: "user", content: "<image></image><|im_end|> where is <ref>it</ref>?" },
  ]);
  const texts = segments.flatMap((segment) => (segment.kind === "text" ? [segment.text] : []));
  expect(texts).toEqual(["<image></image><|im_end|> where is ", "it", "?"]);
});

test("what a version cannot express is refused with a typed error", () => {
  const question: ChatMessage = { role: "user", content: "a" };
  expect(() => renderPrompt("2.0", [{ role: "system", content: "S" }, question])).toThrow(ChatTemplateError);
  expect(() => renderPrompt("1.0", [{ role: "assistant", content: "a" }])).toThrow("first message");
  expect(() => renderPrompt("2.5", [question], { tools: [{}] })).toThrow("tool");
  expect(() => renderPrompt("4.6", [{ role: "assistant", content: "a" }])).toThrow("question");
});

// Catches patterns that start anew at every character of a long run.
test.each(["4.5", "4.6", "2.5"] as const)("%s: long runs of white space take linear time", (version) => {
  const run = `a${"\n".repeat(500_000)}b${" ".repeat(500_000)}c`;
  const answer = version === "2.5" ? run : `<think>${run}</think>${run}`;
  const messages: ChatMessage[] = [
    { role: "user", content: run },
    { role: "assistant", content: answer },
  ];
  const start = performance.now();
  expect(textOf(version, messages).length).toBeGreaterThan(1_000_000);
  expect(performance.now() - start).toBeLessThan(5_000);
});
