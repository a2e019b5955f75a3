import type { Patches } from "../../image/patchify.ts";
import type { TextPart, Tokenizer } from "../../tokenizer/tokenizer.ts";
import { DataSampleError } from "../errors.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import { type ChatTurn, IMAGE_MARK, type PlacedSample } from "./sample.ts";

/** How a family writes conversations, as its official fine-tuning code does. */
export interface ChatForm {
  /** Before the first turn. */
  readonly start: string;
  readonly before: (role: ChatTurn["role"]) => string;
  /** After a turn; said by the model after its own. */
  readonly end: (role: ChatTurn["role"]) => string;
  /** Between turns; nobody learns it. */
  readonly between: string;
  /** The end token that the last answer of a conversation is followed by, where the others have none. */
  readonly lastEnd?: string;
  /** Ends a text that is no conversation. */
  readonly textEnd: string;
}

const CHATML: ChatForm = {
  start: "",
  before: (role) => `<|im_start|>${role}\n`,
  end: () => "<|im_end|>",
  between: "\n",
  textEnd: "<|endoftext|>",
};

/** Conversation forms by model version. */
export const CHAT_FORMS: Readonly<Record<"minicpm" | "llama3" | "chatml", ChatForm>> = {
  minicpm: {
    start: "<s>",
    before: (role) => (role === "assistant" ? "<AI>" : "<用户>"),
    end: () => "",
    between: "",
    lastEnd: "</s>",
    textEnd: "</s>",
  },
  llama3: {
    start: "<|begin_of_text|>",
    before: (role) => `<|start_header_id|>${role}<|end_header_id|>\n\n`,
    end: () => "<|eot_id|>",
    between: "",
    textEnd: "<|end_of_text|>",
  },
  chatml: CHATML,
};

/** A picture cut into views, and the text that stands for it. */
export interface EncodedPicture {
  readonly views: readonly Patches[];
  /** With a run of filler tokens for each view. */
  readonly placeholder: string;
}

export interface EncodeChatOptions {
  readonly tokenizer: Tokenizer;
  readonly form: ChatForm;
  /** Token whose runs visual rows are written over. */
  readonly filler: string;
  /** Visual rows of one view. */
  readonly queryCount: number;
}

interface Piece extends TextPart {
  readonly isSaid: boolean;
}

/**
 * A conversation as ids with the answers and their ends supervised, unshifted; pictures in the order of their marks. Special
 * tokens written in a turn's text stay text. Throws DataSampleError when the text disturbs the pictures' places.
 */
export function encodeChat(
  sample: PlacedSample,
  pictures: readonly EncodedPicture[],
  { tokenizer, form, filler, queryCount }: EncodeChatOptions,
): EncodedSample {
  const ids: number[] = [];
  const supervised: boolean[] = [];
  for (const piece of pieces(sample, pictures, form)) {
    for (const id of tokenizer.encodeParts([piece])) {
      ids.push(id);
      supervised.push(piece.isSaid);
    }
  }
  const views = pictures.flatMap((picture) => picture.views);
  const visualStarts = fillerRuns(ids, tokenizer.idOf(filler), queryCount);
  if (visualStarts.length !== views.length) {
    const problem = `its text has places for ${visualStarts.length} views and its pictures have ${views.length}`;
    throw new DataSampleError(sample.place, problem);
  }
  return { ids, supervised, views, visualStarts, place: sample.place };
}

function pieces({ turns }: PlacedSample, pictures: readonly EncodedPicture[], form: ChatForm): readonly Piece[] {
  const list: Piece[] = [];
  const add = (text: string, isSaid: boolean, parseSpecial: boolean): void => {
    if (text !== "") list.push({ text, isSaid, parseSpecial });
  };
  let picture = 0;
  add(form.start, false, true);
  for (const [i, turn] of turns.entries()) {
    const isSaid = turn.role === "assistant" && turn.isTrained !== false;
    add(`${i === 0 ? "" : form.between}${form.before(turn.role)}`, false, true);
    for (const [part, text] of turn.content.split(IMAGE_MARK).entries()) {
      if (part > 0) add(pictures[picture++]?.placeholder ?? "", false, true);
      add(text, isSaid, false);
    }
    add(form.end(turn.role) + (i === turns.length - 1 ? (form.lastEnd ?? "") : ""), isSaid, true);
  }
  return list;
}

/** First place of each run of `queryCount` fillers; a longer run is several views side by side. */
function fillerRuns(ids: readonly number[], filler: number, queryCount: number): readonly number[] {
  const starts: number[] = [];
  for (let t = 0; t < ids.length; t++) {
    if (ids[t] !== filler) continue;
    starts.push(t);
    t += queryCount - 1;
  }
  return starts;
}
