import { MiniCpmError } from "../../base/errors.ts";
import type { AskModel } from "./rewrite-captions.ts";

/** A server that should have answered a chat request did not. */
export class EndpointError extends MiniCpmError {
  constructor(url: string, problem: string, options?: ErrorOptions) {
    super("E_ENDPOINT", `${url} ${problem}.`, "Check address, model name and key, and that the server runs.", options);
  }
}

export interface EndpointOptions {
  /** Address up to the version, as OpenAI's clients take it: "http://127.0.0.1:8080/v1". */
  readonly url: string;
  /** The server's name of the model. */
  readonly modelName: string;
  readonly apiKey?: string;
}

/** Asks any server with OpenAI's chat route, `minicpmv serve` among them. The function throws EndpointError. */
export function askEndpoint({ url, modelName, apiKey }: EndpointOptions): AskModel {
  const address = `${url.replace(/\/$/, "")}/chat/completions`;
  const headers = {
    "content-type": "application/json",
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  return async (messages, signal) => {
    const body = JSON.stringify({ model: modelName, messages, temperature: 0 });
    const request = { method: "POST", headers, body, ...(signal === undefined ? {} : { signal }) };
    const response = await fetch(address, request).catch((cause: unknown) => {
      if (signal?.aborted === true) throw cause;
      throw new EndpointError(address, "cannot be reached", { cause });
    });
    const text = await response.text();
    if (!response.ok) throw new EndpointError(address, `answered ${response.status}: ${text.slice(0, 200)}`);
    const content = contentOf(text);
    if (content === undefined) throw new EndpointError(address, `answered no chat completion: ${text.slice(0, 200)}`);
    return content;
  };
}

function contentOf(text: string): string | undefined {
  try {
    const reply: { choices?: readonly { message?: { content?: unknown } }[] } | null = JSON.parse(text);
    const content = reply?.choices?.[0]?.message?.content;
    return typeof content === "string" ? content : undefined;
  } catch {
    return undefined;
  }
}
