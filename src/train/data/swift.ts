import { checkedSample, jsonLines, roleOf, type SampleFields } from "./fields.ts";
import { type ChatSample, type ChatTurn, IMAGE_MARK, markCount, type PlacedSample } from "./sample.ts";

/**
 * Reads ms-swift's JSONL: `messages` (or query, response and history), `images`, `rejected_response`, and `loss` per turn.
 * Pictures without any mark stand before the first user turn, as ms-swift puts them. Throws DataSampleError.
 */
export function readSwift(text: string, file: string): readonly PlacedSample[] {
  return jsonLines(text, file).map((fields) => {
    const turns = fields.has("messages") ? fields.records("messages").map(turnOf) : queryTurns(fields);
    const images = fields.has("images") ? fields.list("images").map((image) => imagePath(fields, image)) : [];
    const sample = {
      ...(fields.place.id === undefined ? {} : { id: fields.place.id }),
      images,
      turns: markCount(turns) === 0 ? marked(turns, images.length) : turns,
      ...(fields.has("rejected_response") ? { rejected: fields.text("rejected_response") } : {}),
    };
    return checkedSample(sample, fields);
  });
}

function turnOf(turn: SampleFields): ChatTurn {
  const base = { role: roleOf(turn, "role"), content: turn.text("content") };
  const loss = turn.raw("loss");
  return typeof loss === "boolean" ? { ...base, isTrained: loss } : base;
}

function queryTurns(fields: SampleFields): readonly ChatTurn[] {
  const turns: ChatTurn[] = fields.has("system") ? [{ role: "system", content: fields.text("system") }] : [];
  for (const pair of fields.has("history") ? fields.list("history") : []) {
    if (!Array.isArray(pair) || typeof pair[0] !== "string" || typeof pair[1] !== "string")
      fields.fail("its history is no list of question and answer");
    turns.push({ role: "user", content: pair[0] }, { role: "assistant", content: pair[1] });
  }
  turns.push({ role: "user", content: fields.text("query") });
  turns.push({ role: "assistant", content: fields.text("response") });
  return turns;
}

function marked(turns: readonly ChatTurn[], count: number): readonly ChatTurn[] {
  const first = turns.findIndex(({ role }) => role === "user");
  return turns.map((turn, i) => (i === first ? { ...turn, content: IMAGE_MARK.repeat(count) + turn.content } : turn));
}

function imagePath(fields: SampleFields, image: unknown): string {
  if (typeof image === "string") return image;
  if (typeof image === "object" && image !== null && "path" in image && typeof image.path === "string")
    return image.path;
  return fields.fail("its images are not all paths");
}

/** Writes ms-swift's JSONL. */
export function writeSwift(samples: readonly ChatSample[]): string {
  return samples
    .map(({ id, images, turns, rejected }) =>
      JSON.stringify({
        ...(id === undefined ? {} : { id }),
        messages: turns.map(({ role, content, isTrained }) =>
          isTrained === undefined ? { role, content } : { role, content, loss: isTrained },
        ),
        images,
        ...(rejected === undefined ? {} : { rejected_response: rejected }),
      }),
    )
    .map((line) => `${line}\n`)
    .join("");
}
