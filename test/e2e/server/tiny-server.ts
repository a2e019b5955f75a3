import { fileURLToPath } from "node:url";
import { load } from "../../../src/chat/load.ts";
import type { Model } from "../../../src/chat/model.ts";
import { modelEngine } from "../../../src/server/model-engine.ts";
import { type RunningServer, type ServeOptions, serve } from "../../../src/server/serve.ts";

export const FOLDER = fileURLToPath(new URL("../../golden/ladder/v2.6/", import.meta.url));

/** A server on loopback over the tiny checkpoint of V-2.6, which speaks nonsense and always the same. */
export interface TinyServer extends AsyncDisposable {
  readonly server: RunningServer;
  readonly model: Model;
  readonly url: string;
}

export const PARALLEL = 4;

export async function startTinyServer(options: Partial<ServeOptions> = {}): Promise<TinyServer> {
  const model = await load(`${FOLDER}model.safetensors`, {
    contextLength: 2048,
    sequenceCount: PARALLEL + 2,
    threads: 1,
    load: "together",
  });
  const server = await serve({
    port: 0,
    load: async () => modelEngine(model, { id: "tiny", parallelCount: PARALLEL }),
    ...options,
  });
  await server.ready;
  return {
    server,
    model,
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await model[Symbol.asyncDispose]();
    },
  };
}
