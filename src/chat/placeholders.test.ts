import { expect, test } from "vitest";
import { tokenizerFromJson } from "../tokenizer/tokenizer-json.ts";
import { promptParts, viewRanges } from "./placeholders.ts";
import { CHAT_TEMPLATES, renderPrompt } from "./templates/template-registry.ts";

const MARKS = [
  "<unk>",
  "<image>",
  "</image>",
  "<slice>",
  "</slice>",
  "<image_id>",
  "</image_id>",
  "<|im_start|>",
  "<|im_end|>",
  "<|image_pad|>",
  "<|begin_of_text|>",
  "<|start_header_id|>",
  "<|end_header_id|>",
  "<|eot_id|>",
];
const LETTERS = [..."abcdefghijklmnopqrstuvwxyzYQA0123456789?.<>/_|"];

const tokenizer = tokenizerFromJson({
  added_tokens: MARKS.map((content, index) => ({ id: 100 + index, content, special: true, normalized: false })),
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
  decoder: { type: "ByteLevel" },
  model: { type: "BPE", merges: [], vocab: Object.fromEntries([...LETTERS, "Ġ", "Ċ"].map((token, id) => [token, id])) },
});

// Catches visual tokens counted in the wrong order, runs of two views joined, and a user's own marks counted as a view.
test.each([
  ["2.5", "<unk>"],
  ["2.6", "<unk>"],
  ["4.6", "<|image_pad|>"],
] as const)("%s: the visual tokens of every view are found in order", (version, filler) => {
  const counts = [5, 3, 4, 3, 4];
  const plans = [{ viewTokenCounts: counts, grid: { columns: 2, rows: 2 } }, { viewTokenCounts: [2] }];
  const image = { type: "image" } as const;
  const text = { type: "text", text: "<image><unk><|image_pad|></image> what?" } as const;
  const segments = renderPrompt(version, [{ role: "user", content: [image, image, text] }]);
  const schema = CHAT_TEMPLATES[version].schema;
  const ids = tokenizer.encodeParts(promptParts(segments, schema, plans));
  const ranges = viewRanges(ids, tokenizer, schema);
  expect(ranges.map((range) => range.length)).toEqual([...counts, 2]);
  for (const { start, length } of ranges) {
    expect(ids.slice(start, start + length).every((id) => id === tokenizer.idOf(filler))).toBe(true);
    expect(ids[start - 1]).not.toBe(tokenizer.idOf(filler));
    expect(ids[start + length]).not.toBe(tokenizer.idOf(filler));
  }
});
