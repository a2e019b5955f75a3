import { parentPort, workerData } from "node:worker_threads";
import type { OnnxFeed, OnnxReply, OnnxRequest, OnnxRuntime, OnnxTensor, OnnxWorkerData } from "./onnx-protocol.ts";

// a worker, because InferenceSession.run does its work on the calling thread
const { runtimePath, threadCount } = workerData as OnnxWorkerData;
const runtime = (await import(runtimePath)) as { readonly default: OnnxRuntime };
const { InferenceSession, Tensor } = runtime.default;
type Session = Awaited<ReturnType<typeof InferenceSession.create>>;
const sessions = new Map<number, Session>();

function reply(message: OnnxReply): void {
  parentPort?.postMessage(message);
}

function tensorOf({ data, shape }: OnnxFeed): OnnxTensor {
  return new Tensor(data instanceof Int32Array ? "int32" : "float32", data, shape);
}

async function handle(request: OnnxRequest): Promise<void> {
  switch (request.kind) {
    case "load": {
      const session = await InferenceSession.create(request.model, {
        intraOpNumThreads: threadCount,
        interOpNumThreads: 1,
        graphOptimizationLevel: "all",
        executionMode: "sequential",
      });
      sessions.set(request.session, session);
      reply({ kind: "loaded", call: request.call });
      return;
    }
    case "run": {
      const session = sessions.get(request.session);
      if (session === undefined) throw new Error(`session ${request.session} is gone`);
      const feeds = Object.fromEntries(Object.entries(request.feeds).map(([name, feed]) => [name, tensorOf(feed)]));
      const fetches = Object.fromEntries(
        Object.entries(request.fetches).map(([name, feed]) => [name, feed === null ? null : tensorOf(feed)]),
      );
      const results = await session.run(feeds, fetches);
      // what was written in place is in the asker's hands already
      const outputs = Object.fromEntries(
        Object.entries(results).flatMap(([name, tensor]) => (fetches[name] === null ? [[name, tensor.data]] : [])),
      );
      reply({ kind: "ran", call: request.call, outputs });
      return;
    }
    case "drop":
      await sessions.get(request.session)?.release();
      sessions.delete(request.session);
      reply({ kind: "loaded", call: request.call });
  }
}

parentPort?.on("message", (request: OnnxRequest) => {
  handle(request).catch((error: unknown) => {
    reply({ kind: "failed", call: request.call, reason: error instanceof Error ? error.message : String(error) });
  });
});
