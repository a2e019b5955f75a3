import { checkedSample, jsonArray, roleOf, type SampleFields } from "./fields.ts";
import type { ChatSample, ChatTurn, PlacedSample } from "./sample.ts";

/**
 * Reads LLaMA-Factory's sharegpt files: `messages` with role and content, or `conversations` with from and value, and
 * `images`. Preference files end on a user turn and add `chosen` and `rejected`. Throws DataSampleError.
 */
export function readShareGpt(text: string, file: string): readonly PlacedSample[] {
  return jsonArray(text, file).map((fields) => {
    const turns = turnsOf(fields);
    const images = fields.has("images") ? fields.list("images").map((path) => imagePath(fields, path)) : [];
    const id = fields.place.id === undefined ? {} : { id: fields.place.id };
    if (!fields.has("chosen")) return checkedSample({ ...id, images, turns }, fields);
    if (turns.at(-1)?.role !== "user") fields.fail("a preference sample's conversation does not end on a user turn");
    const chosen: ChatTurn = { role: "assistant", content: answerOf(fields, "chosen") };
    return checkedSample({ ...id, images, turns: [...turns, chosen], rejected: answerOf(fields, "rejected") }, fields);
  });
}

function turnsOf(fields: SampleFields): readonly ChatTurn[] {
  const name = fields.has("messages") ? "messages" : "conversations";
  return fields.records(name).map((turn) => {
    const [role, content] = turn.has("from") ? ["from", "value"] : ["role", "content"];
    return { role: roleOf(turn, role), content: turn.text(content) };
  });
}

function answerOf(fields: SampleFields, name: "chosen" | "rejected"): string {
  const [answer] = [fields.raw(name)];
  if (typeof answer === "string") return answer;
  if (typeof answer === "object" && answer !== null) {
    if ("value" in answer && typeof answer.value === "string") return answer.value;
    if ("content" in answer && typeof answer.content === "string") return answer.content;
  }
  return fields.fail(`its field "${name}" is no answer`);
}

function imagePath(fields: SampleFields, path: unknown): string {
  return typeof path === "string" ? path : fields.fail("its images are not all paths");
}

/** Writes LLaMA-Factory's sharegpt file with OpenAI's tags, as `shareGptInfo` declares them. */
export function writeShareGpt(samples: readonly ChatSample[]): string {
  const rows = samples.map(({ id, images, turns, rejected }) => {
    const messages = turns.map(({ role, content }) => ({ role, content }));
    const head = id === undefined ? {} : { id };
    if (rejected === undefined) return { ...head, messages, images };
    const answer = { role: "assistant", content: rejected };
    return { ...head, messages: messages.slice(0, -1), chosen: messages.at(-1), rejected: answer, images };
  });
  return `${JSON.stringify(rows, undefined, 1)}\n`;
}

/** The entry of dataset_info.json that registers such a file. */
export function shareGptInfo(fileName: string, isRanking = false): Readonly<Record<string, unknown>> {
  return {
    file_name: fileName,
    formatting: "sharegpt",
    ...(isRanking ? { ranking: true } : {}),
    columns: {
      messages: "messages",
      images: "images",
      ...(isRanking ? { chosen: "chosen", rejected: "rejected" } : {}),
    },
    tags: { role_tag: "role", content_tag: "content", user_tag: "user", assistant_tag: "assistant" },
  };
}
