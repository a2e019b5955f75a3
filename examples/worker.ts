/** The model in a thread of its own, so that the program stays responsive: node examples/worker.ts MODEL photo.jpg */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { load } from "../src/index.ts";

/** What the thread sends while it answers. */
type Note = { readonly text: string } | { readonly done: number };

async function answer(modelPath: string, picture: string): Promise<void> {
  await using model = await load(modelPath);
  const messages = [{ role: "user", content: [{ image: picture }, "What does the picture show?"] }] as const;
  for await (const part of model.chat(messages, { maxNewTokens: 32 })) {
    if (part.type === "text") parentPort?.postMessage({ text: part.text } satisfies Note);
    if (part.type === "done") parentPort?.postMessage({ done: part.answer.usage.completionTokens } satisfies Note);
  }
}

if (isMainThread) {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  const [modelPath, picture] = process.argv.slice(2);
  const worker = new Worker(new URL(import.meta.url), { workerData: { modelPath, picture } });
  worker.on("message", (note: Note) => {
    if ("text" in note) process.stdout.write(note.text);
    else console.log(`\n${note.done} tokens; this thread's timer ran ${ticks} times meanwhile`);
  });
  worker.on("exit", () => clearInterval(timer));
} else {
  const { modelPath, picture }: { modelPath: string; picture: string } = workerData;
  await answer(modelPath, picture);
}
