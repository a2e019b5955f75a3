import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { SamplePlace } from "../errors.ts";
import type { EncodedSample } from "../pack-inputs.ts";
import { jsonLines } from "./fields.ts";

/** A piece of plain text. */
export interface TextSample {
  readonly text: string;
  readonly place: SamplePlace;
}

/** Reads JSONL of `{"text": …}`, or plain text whose paragraphs are samples. Throws DataSampleError. */
export function readTexts(text: string, file: string): readonly TextSample[] {
  if (text.trimStart().startsWith("{"))
    return jsonLines(text, file).map((fields) => ({ text: fields.text("text"), place: fields.place }));
  const samples: TextSample[] = [];
  let line = 1;
  for (const paragraph of text.split(/(\n(?:[ \t]*\n)+)/)) {
    if (paragraph.trim() !== "") samples.push({ text: paragraph, place: { file, line } });
    line += paragraph.split("\n").length - 1;
  }
  return samples;
}

export interface EncodeTextOptions {
  readonly tokenizer: Tokenizer;
  /** Token that ends a text. */
  readonly end: string;
  /** Longer texts become several samples. */
  readonly mostTokens: number;
}

/** A text as ids, all of them to be foretold, in pieces of at most `mostTokens`. */
export function encodeText(
  { text, place }: TextSample,
  { tokenizer, end, mostTokens }: EncodeTextOptions,
): readonly EncodedSample[] {
  const ids: readonly number[] = [...tokenizer.encode(text, { parseSpecial: false }), tokenizer.idOf(end)];
  const pieces: EncodedSample[] = [];
  for (let begin = 0; begin < ids.length; begin += mostTokens) {
    const piece = ids.slice(begin, begin + mostTokens);
    pieces.push({ ids: piece, supervised: piece.map(() => true), views: [], visualStarts: [], place });
  }
  // a last piece of one token foretells nothing
  return pieces.filter((piece) => piece.ids.length > 1);
}
