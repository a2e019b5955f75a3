import { fileURLToPath } from "node:url";
import type { Model } from "../../../src/chat/model.ts";
import { loadEngine } from "../../../src/server/load-engine.ts";
import { type RunningServer, type ServeOptions, serve } from "../../../src/server/serve.ts";

export const FOLDER = fileURLToPath(new URL("../../golden/ladder/v2.6/", import.meta.url));

/** A server on loopback over the tiny checkpoint of V-2.6, which speaks nonsense and always the same. */
export interface TinyServer extends AsyncDisposable {
  readonly server: RunningServer;
  readonly model: Model;
  readonly url: string;
}

export const PARALLEL = 4;

export async function startTinyServer(
  options: Partial<ServeOptions> & { readonly pictureCacheBytes?: number } = {},
): Promise<TinyServer> {
  const loaded = await loadEngine(`${FOLDER}model.safetensors`, {
    pictureCacheBytes: options.pictureCacheBytes,
    id: "tiny",
    parallelCount: PARALLEL,
    contextLength: 2048,
    threads: 1,
  });
  const server = await serve({ port: 0, load: async () => loaded.engine, ...options });
  await server.ready;
  return {
    server,
    model: loaded.model,
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await loaded[Symbol.asyncDispose]();
    },
  };
}

/** Body of a chat completion that goes on for `tokens` tokens, by the greedy way. */
export function chatBody(text: string, tokens: number, extra: object = {}): string {
  return JSON.stringify({
    messages: [{ role: "user", content: text }],
    temperature: 0,
    repetition_penalty: 1,
    max_tokens: tokens,
    ...extra,
  });
}

export function post(url: string, body: string, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, { method: "POST", body, ...(signal === undefined ? {} : { signal }) });
}
