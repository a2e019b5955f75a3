// A producer of the stream: a process of its own, told its seed and stage once and then one index after another.
import { sample } from "./sample.ts";
import type { ProducerMessage, ProducerSetup } from "./stream.ts";

const waiting: number[] = [];
let setup: ProducerSetup | undefined;

process.on("message", (message: ProducerMessage) => {
  if (typeof message !== "number") {
    setup = message;
    return;
  }
  waiting.push(message);
  if (waiting.length === 1) setImmediate(makeNext);
});

// The consumer is gone: nobody waits for the rest.
process.on("disconnect", () => process.exit(0));

/** One sample a turn of the event loop: the canvas frees its native memory only between turns. */
function makeNext(): void {
  const index = waiting[0];
  if (index === undefined || setup === undefined) return;
  try {
    process.send?.({ index, sample: sample(setup.seed, index, setup.options) });
  } catch (error) {
    process.send?.({ index, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  waiting.shift();
  if (waiting.length > 0) setImmediate(makeNext);
}
