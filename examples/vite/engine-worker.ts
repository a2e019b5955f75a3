/** The model's side. It lives in a worker because a page's main thread may not wait for other threads. */
import { load, type Model } from "minicpmv";

export interface Question {
  readonly language: File;
  readonly vision: File;
  readonly picture: File;
  readonly text: string;
}

export type Reply =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly message: string };

let model: Model | undefined;

async function answer({ language, vision, picture, text }: Question): Promise<void> {
  model ??= await load({ language, vision });
  const messages = [{ role: "user", content: [picture, text] }] as const;
  for await (const part of model.chat(messages, { temperature: 0, maxNewTokens: 32 })) {
    if (part.type === "text") send({ kind: "text", text: part.text });
  }
  send({ kind: "done" });
}

function send(reply: Reply): void {
  self.postMessage(reply);
}

self.addEventListener("message", ({ data }: MessageEvent<Question>) => {
  answer(data).catch((error: unknown) => send({ kind: "failed", message: String(error) }));
});
