import { expect, test } from "vitest";
import type { ChatReport, ChatTask } from "./chat-worker.ts";

interface Recording {
  readonly cases: Readonly<
    Record<string, { question: string; files: string[]; greedyTokens: number[]; promptTokens: number }>
  >;
}

// the test server serves the repository
const FOLDER = new URL("/test/golden/ladder/v2.6/", location.href).href;
const { cases }: Recording = await (await fetch(new URL("manifest.json", FOLDER))).json();
const wanted = cases.small;

// catches a page that cannot store, open or run what Node can: worker-only files, blobs for sources, nested workers,
// the browser's picture decoder. The tokens are those of the released code, which the Node tests hold too.
test.each([2, 1])(
  "a checkpoint pulled over HTTP into private storage answers on %d threads as in Node",
  async (threads) => {
    const report = await ask({ storage: `threads-${threads}`, threads });
    expect(report).toEqual({
      threadCount: threads,
      fetchedFiles: 4,
      promptTokens: wanted.promptTokens,
      tokens: wanted.greedyTokens,
    });
  },
);

// catches borders between memories that only a page's workers or its inline path get wrong
test.each([2, 1])("the same tokens on %d threads with the weights over twelve memories", async (threads) => {
  const report = await ask({ storage: `memories-${threads}`, threads, memoryCount: 12 });
  expect(report).toMatchObject({ threadCount: threads, tokens: wanted.greedyTokens });
});

// catches a page that fetches again what its storage holds
test("a second visit fetches nothing and answers the same", async () => {
  const first = await ask({ storage: "visits", threads: 1 });
  expect(await ask({ storage: "visits", threads: 1 })).toEqual({ ...first, fetchedFiles: 0 });
});

async function ask(how: Pick<ChatTask, "storage" | "threads" | "memoryCount">): Promise<ChatReport> {
  const task: ChatTask = {
    ...how,
    folder: FOLDER,
    picture: new URL(wanted.files[0], FOLDER).href,
    question: wanted.question,
    tokenCount: wanted.greedyTokens.length,
  };
  const worker = new Worker(new URL("./chat-worker.js", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.addEventListener("message", ({ data }: MessageEvent<ChatReport>) => resolve(data));
      worker.addEventListener("error", ({ message }) => reject(new Error(`worker: ${message}`)));
      worker.postMessage(task);
    });
  } finally {
    worker.terminate();
  }
}
