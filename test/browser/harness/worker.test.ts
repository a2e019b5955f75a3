import { expect, test } from "vitest";

// Catches a harness in which the library's workers do not start: it names them .js, as in the package, and they are .ts here.
test("a module worker addressed as in the package starts, cross-origin isolated", async () => {
  const worker = new Worker(new URL("./echo-worker.js", import.meta.url), { type: "module" });
  const answer = new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }) => resolve(data));
    worker.addEventListener("error", ({ message }) => reject(new Error(`worker: ${message}`)));
  });
  worker.postMessage(7);
  expect(await answer).toEqual({ echo: 7, isIsolated: true });
  worker.terminate();
});
