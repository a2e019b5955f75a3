import { checkedSample, jsonArray, roleOf, type SampleFields, textEntries } from "./fields.ts";
import { type ChatSample, type ChatTurn, IMAGE_MARK, markCount, type PlacedSample } from "./sample.ts";

const NUMBERED_MARK = /<image_\d+>/g;

/**
 * Reads the official fine-tuning file (MiniCPM-V finetune/readme): an array of `{id, image, conversations}`, where `image`
 * is a path or an object from `<image_00>` to paths. A single picture without a mark stands before the first turn.
 * Throws DataSampleError, where the official loader takes another sample without a word.
 */
export function readOfficial(text: string, file: string): readonly PlacedSample[] {
  return jsonArray(text, file).map((fields) => {
    const turns = fields
      .records("conversations")
      .map((turn): ChatTurn => ({ role: roleOf(turn, "role"), content: turn.text("content") }));
    const id = fields.place.id === undefined ? {} : { id: fields.place.id };
    const image = fields.raw("image");
    if (image === undefined || image === null) return checkedSample({ ...id, images: [], turns }, fields);
    if (typeof image === "string") {
      const marked = markCount(turns) > 0 ? turns : turns.map((turn, i) => (i === 0 ? prefixed(turn) : turn));
      return checkedSample({ ...id, images: [image], turns: marked }, fields);
    }
    return checkedSample({ ...id, ...numberedPictures(fields, turns) }, fields);
  });
}

function prefixed(turn: ChatTurn): ChatTurn {
  return { ...turn, content: `${IMAGE_MARK}\n${turn.content}` };
}

function numberedPictures(fields: SampleFields, turns: readonly ChatTurn[]): Pick<ChatSample, "images" | "turns"> {
  const paths = textEntries(fields, "image");
  const images: string[] = [];
  const marked = turns.map((turn) => ({
    ...turn,
    content: turn.content.replace(NUMBERED_MARK, (mark) => {
      images.push(paths.get(mark) ?? fields.fail(`the text asks for ${mark}, which "image" does not list`));
      return IMAGE_MARK;
    }),
  }));
  const unused = [...paths].find(([, path]) => !images.includes(path));
  if (unused !== undefined) fields.fail(`"image" lists ${unused[0]}, which no turn mentions`);
  return { images, turns: marked };
}

/** Writes the official fine-tuning file. Preference pairs have no place in it and lose their rejected answer. */
export function writeOfficial(samples: readonly ChatSample[]): string {
  const rows = samples.map(({ id, images, turns }, index) => ({
    id: id ?? String(index),
    ...(images.length === 0 ? {} : { image: images.length === 1 ? images[0] : numbered(images) }),
    conversations: images.length > 1 ? numberMarks(turns) : turns.map(({ role, content }) => ({ role, content })),
  }));
  return `${JSON.stringify(rows, undefined, 1)}\n`;
}

const numberedMark = (index: number): string => `<image_${String(index).padStart(2, "0")}>`;

function numbered(images: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(images.map((path, i) => [numberedMark(i), path]));
}

function numberMarks(turns: readonly ChatTurn[]): readonly Pick<ChatTurn, "role" | "content">[] {
  let next = 0;
  return turns.map(({ role, content }) => ({
    role,
    content: content.replaceAll(IMAGE_MARK, () => numberedMark(next++)),
  }));
}
