import type { TokenId } from "../base/brand.ts";
import { invariant } from "../base/invariant.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { PlacedPicture } from "./picture-store.ts";
import { type PicturePlan, promptParts, viewRanges } from "./placeholders.ts";
import type { ChatTemplate } from "./templates/chat-template.ts";
import type { ChatMessage, PromptOptions } from "./templates/messages.ts";

/** A conversation as token ids, with the places of its visual rows. */
export interface BuiltPrompt {
  readonly ids: readonly TokenId[];
  readonly visualAt: readonly number[];
  /** Token id, or a negative number for each row of a picture. */
  readonly keys: readonly number[];
  /** The prompt ends inside a thought that the model goes on with. */
  readonly startsThinking: boolean;
}

/** What a prompt has to know of a picture. */
export type PromptPicture = Pick<PlacedPicture, "prepared" | "serial">;

/** Rows that one picture may have, in the numbering of keys. */
const KEY_STRIDE = 2 ** 20;

/** Writes a conversation by a template and tokenises it. Throws ChatTemplateError, MissingTokenError. */
export function buildPrompt(
  request: {
    readonly template: ChatTemplate;
    readonly tokenizer: Tokenizer;
    readonly messages: readonly ChatMessage[];
    readonly pictures: readonly PromptPicture[];
  },
  options: PromptOptions = {},
): BuiltPrompt {
  const { template, tokenizer, pictures } = request;
  const segments = template.render(request.messages, options);
  const parts = promptParts(segments, template.schema, pictures.map(planOf));
  const ids = tokenizer.encodeParts(parts, { addSpecial: template.addSpecial });
  const visualAt =
    pictures.length === 0
      ? []
      : viewRanges(ids, tokenizer, template.schema).flatMap(({ start, length }) =>
          Array.from({ length }, (_, i) => start + i),
        );
  const rowCounts = pictures.map(({ prepared }) => prepared.tokens.reduce((sum, count) => sum + count, 0));
  const rowCount = rowCounts.reduce((sum, count) => sum + count, 0);
  invariant(visualAt.length === rowCount, `${visualAt.length} places were found for ${rowCount} visual rows`);
  const keys: number[] = [...ids];
  let place = 0;
  for (const [i, { serial }] of pictures.entries()) {
    for (let row = 0; row < rowCounts[i]; row++) keys[visualAt[place++]] = -1 - (serial * KEY_STRIDE + row);
  }
  const last = segments.at(-1);
  const startsThinking = last?.kind === "template" && last.text.trimEnd().endsWith("<think>");
  return { ids, visualAt, keys, startsThinking };
}

function planOf({ prepared }: PromptPicture): PicturePlan {
  return { viewTokenCounts: prepared.tokens, grid: prepared.plan.sliced?.grid };
}
