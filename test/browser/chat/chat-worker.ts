/** Runs in a dedicated worker of a page: pulls a checkpoint over HTTP into the private file system, opens it there and answers. */
import { loadOn } from "../../../src/chat/load.ts";
import { httpSettings } from "../../../src/io/http/settings.ts";
import type { Hub, RepoFile } from "../../../src/io/hub/listing.ts";
import { newSha256 } from "../../../src/io/hub/sha256.ts";
import { opfsStore } from "../../../src/io/web/opfs-store.ts";
import { opfsFolder } from "../../../src/io/web/opfs-types.ts";
import { pullModelToStorage } from "../../../src/io/web/pull-model.ts";
import { inspectGguf } from "../../../src/runtime/inspect-gguf.ts";
import { webPlatform } from "../../../src/runtime/web/web-platform.ts";

/** What the page asks for. Addresses are whole. */
export interface ChatTask {
  /** The checkpoint's folder, ending in a slash. */
  readonly folder: string;
  /** Folder of the private file system. */
  readonly storage: string;
  readonly picture: string;
  readonly question: string;
  readonly threads: number;
  /** WebAssembly memories that the weights are scattered over; one where left out. */
  readonly memoryCount?: number;
  readonly tokenCount: number;
}

/** What it is told. */
export type ChatReport =
  | {
      readonly tokens: readonly number[];
      readonly promptTokens: number;
      /** Threads that computed, and files fetched over HTTP into storage. */
      readonly threadCount: number;
      readonly fetchedFiles: number;
    }
  | { readonly error: string };

/** Weights of one memory: far less than the tiny model has. */
const SCATTERED_BYTES = 2 ** 17;
const FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];

self.addEventListener("message", (event: MessageEvent<ChatTask>) => {
  chat(event.data).then(
    (report) => self.postMessage(report),
    (error: unknown) => self.postMessage({ error: error instanceof Error ? (error.stack ?? error.message) : "failed" }),
  );
});

async function chat(task: ChatTask): Promise<ChatReport> {
  const http = httpSettings();
  const folder = await opfsFolder(task.storage, "blobs");
  const storage = { blobs: opfsStore(folder), notes: await opfsFolder(task.storage, "models") };
  const fetched = new Set<string>();
  const { files } = await pullModelToStorage("own/tiny", {
    storage,
    http,
    hubs: [await folderHub(task.folder)],
    inspect: inspectGguf,
    onProgress: ({ name }) => fetched.add(name),
  });
  if (files.kind !== "safetensors") throw new Error("a safetensors model was expected");
  const stored: Record<string, Blob> = {};
  for (const { path, key } of files.files) stored[path] = await (await folder.getFileHandle(key)).getFile();
  const reference = { language: stored["model.safetensors"], files: stored };
  const options = { kernels: "generic", cacheType: "f32", threads: task.threads } as const;
  const { memoryCount = 1 } = task;
  const memories = memoryCount === 1 ? {} : { memories: { memoryCount, memories: { weightBytes: SCATTERED_BYTES } } };
  await using model = await loadOn({ ...webPlatform(), ...memories }, reference, options);
  const picture = await (await fetch(task.picture)).blob();
  const answer = await model.complete([{ role: "user", content: [picture, task.question] }], {
    temperature: 0,
    repetitionPenalty: 1,
    maxNewTokens: task.tokenCount,
    ignoresStopTokens: true,
  });
  return {
    tokens: answer.tokens.map(({ id }) => id),
    promptTokens: answer.usage.promptTokens,
    threadCount: model.runtime.backend.info.threadCount,
    fetchedFiles: fetched.size,
  };
}

/** The folder as a hub describes one: sizes and sums are taken from what the server gives. */
async function folderHub(folder: string): Promise<Hub> {
  const files = await Promise.all(
    FILES.map(async (path): Promise<RepoFile> => {
      const url = new URL(path, folder).href;
      const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
      const sum = newSha256();
      sum.update(bytes);
      return { path, url, sizeBytes: bytes.length, digest: { algorithm: "sha256", hex: sum.hex() } };
    }),
  );
  return { name: folder, list: async (ref) => ({ hub: folder, ref, commit: "v1", licence: undefined, files }) };
}
