import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT } from "../errors.ts";
import { modelName } from "../model-flags.ts";

/** `minicpmv serve -m MODEL` */
export const serveCommand: Command = {
  name: "serve",
  summary: "Serves a model over HTTP as OpenAI's and ollama's APIs have it, on this machine's own address.",
  usage: "[-m MODEL]",
  flags: {
    model: {
      type: "string",
      short: "m",
      value: "MODEL",
      help: "folder, file, hub reference or ollama name; the built-in pocket by default",
    },
    mmproj: { type: "string", value: "FILE", help: "vision tower of a GGUF model" },
    host: { type: "string", value: "HOST", help: "address to listen on (127.0.0.1)" },
    port: { type: "string", value: "N", help: "port to listen on" },
    "api-key": {
      type: "string",
      multiple: true,
      value: "KEY",
      help: "a key that requests must bring; may be repeated",
    },
    context: { type: "string", short: "c", value: "N", help: "tokens of prompt and answer together (4096)" },
    parallel: { type: "string", value: "N", help: "answers worked on at once (4)" },
    threads: { type: "string", short: "t", value: "N", help: "threads, or auto" },
    offline: { type: "boolean", help: "never fetch the model" },
  },
  examples: [
    "minicpmv serve",
    "minicpmv serve -m openbmb/MiniCPM-V-4.6-gguf",
    "minicpmv serve -m ./model --port 8080 --api-key SECRET",
  ],
  run,
};

async function run(args: Arguments, { terminal, signal, env }: CommandContext): Promise<number> {
  const model = modelName(args, { env }, args.positionals[0]);
  const { serve } = await import("../../server/serve.ts");
  const { loadEngine } = await import("../../server/load-engine.ts");
  const threads = args.number("threads");
  const keys = args.texts("api-key");
  const port = args.number("port");
  const host = args.text("host");
  let release: (() => PromiseLike<void>) | undefined;
  await using server = await serve({
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(keys.length === 0 ? {} : { settings: { keys } }),
    log: (message) => terminal.note(message),
    load: async () => {
      const loaded = await loadEngine(model, {
        vision: args.text("mmproj"),
        contextLength: args.number("context"),
        parallelCount: args.number("parallel"),
        threads: threads ?? "auto",
        isOffline: args.has("offline"),
        signal,
      });
      release = () => loaded[Symbol.asyncDispose]();
      return loaded.engine;
    },
  });
  terminal.note(`Listening on ${server.url}; loading ${model}.`);
  const { info } = await server.ready;
  terminal.note(`Ready: ${info.title ?? info.id}. Ctrl-C stops it.`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await server.stop();
  await release?.();
  return EXIT.done;
}
