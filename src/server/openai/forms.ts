import type { ReplyForm } from "./completion-reply.ts";
import { logprobsBody, textLogprobsBody } from "./reply-parts.ts";

/** How /v1/chat/completions writes answers. */
export function chatForm({ hasLogprobs }: { readonly hasLogprobs: boolean }): ReplyForm {
  return {
    idPrefix: "chatcmpl-",
    object: "chat.completion",
    chunkObject: "chat.completion.chunk",
    choice: ({ text, reasoning, tokens }) => ({
      message: {
        role: "assistant",
        content: text,
        refusal: null,
        ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
      },
      logprobs: hasLogprobs ? logprobsBody(tokens) : null,
    }),
    opening: { delta: { role: "assistant", content: "" }, logprobs: null },
    piece: (part) => {
      if (part.kind === "reasoning") return { delta: { reasoning_content: part.text }, logprobs: null };
      if (part.text === "" && !(hasLogprobs && part.tokens.length > 0)) return undefined;
      return { delta: { content: part.text }, logprobs: hasLogprobs ? logprobsBody(part.tokens) : null };
    },
    closing: { delta: {}, logprobs: null },
  };
}

/** How /v1/completions writes answers; `echo` puts the prompt in front. */
export function textForm({ hasLogprobs, echo }: { readonly hasLogprobs: boolean; readonly echo: string }): ReplyForm {
  return {
    idPrefix: "cmpl-",
    object: "text_completion",
    chunkObject: "text_completion",
    choice: ({ text, tokens }) => ({ text: echo + text, logprobs: hasLogprobs ? textLogprobsBody(tokens) : null }),
    opening: echo === "" ? undefined : { text: echo, logprobs: null },
    piece: (part) => {
      if (part.text === "") return undefined;
      const tokens = part.kind === "text" ? part.tokens : [];
      return { text: part.text, logprobs: hasLogprobs ? textLogprobsBody(tokens) : null };
    },
    closing: { text: "", logprobs: null },
  };
}
