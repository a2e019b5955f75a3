import { serve, type WorkerStart } from "./worker-loop.ts";

self.addEventListener("message", (event: MessageEvent<WorkerStart>) => {
  serve(event.data, (message) => self.postMessage(message));
});
