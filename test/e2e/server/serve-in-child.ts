/** A server over the tiny checkpoint in a process of its own, so that its memory is its own. Told to stop by a message. */
import { startTinyServer } from "./tiny-server.ts";

const tiny = await startTinyServer({
  // few enough that a load of many different pictures fills it and goes on
  pictureCacheBytes: 2 ** 21,
  settings: { queueLength: 8, pictures: { maxBytes: 2 ** 20, maxPixels: 2 ** 20 } },
});
process.send?.({ url: tiny.url });
process.on("message", async () => {
  await tiny[Symbol.asyncDispose]();
  process.disconnect();
});
