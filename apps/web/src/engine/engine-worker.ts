import { MiniCpmError } from "minicpmv";
import { benchModel } from "./bench-model.ts";
import { askModel, costOf, loadModel, viewsOf } from "./model-calls.ts";
import type { CallName, Calls, Failure, Reply, Request } from "./protocol.ts";
import { embeddedBytes, pullModel, removeModel, storedModels, verifyModel } from "./storage-calls.ts";

/** What a call may do on its way. */
export interface CallContext<C extends CallName> {
  readonly emit: (event: Calls[C]["event"]) => void;
  readonly signal: AbortSignal;
}

type Handlers = {
  readonly [C in CallName]: (input: Calls[C]["input"], context: CallContext<C>) => Promise<Calls[C]["result"]>;
};

/** Answers the offer that a download waits for. */
let agree: () => void = () => undefined;

const handlers: Handlers = {
  embedded: () => embeddedBytes(),
  load: loadModel,
  views: viewsOf,
  cost: costOf,
  ask: askModel,
  stored: () => storedModels(),
  pull: (repo, context) =>
    pullModel(repo, context, () => {
      const agreed = new Promise<void>((resolve) => {
        agree = resolve;
      });
      return agreed;
    }),
  agree: async () => {
    agree();
    return undefined;
  },
  verify: verifyModel,
  remove: async (repo) => removeModel(repo),
  bench: (_, context) => benchModel(context),
};

const running = new Map<number, AbortController>();

self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
  if ("abort" in data) running.get(data.id)?.abort();
  else void answer(data.id, data.call, data.input); // never rejects: what goes wrong is sent
});

async function answer(id: number, call: CallName, input: unknown): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  const send = (reply: Reply): void => self.postMessage(reply);
  const context = { emit: (event: unknown) => send({ id, event }), signal: controller.signal };
  try {
    // each handler gets the input that its own call was sent with
    const handler = handlers[call] as (input: unknown, context: unknown) => Promise<unknown>;
    send({ id, result: await handler(input, context) });
  } catch (error) {
    send({ id, failure: failureOf(error) });
  } finally {
    running.delete(id);
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof MiniCpmError) return { code: error.code, message: error.message };
  if (error instanceof Error && error.name === "AbortError") return { code: "E_ABORTED", message: "Stopped." };
  return { code: "E_PAGE", message: error instanceof Error ? error.message : String(error) };
}
