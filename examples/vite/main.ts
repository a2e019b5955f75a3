/** The page: hands files to the worker and shows the words as they come. Nothing is sent anywhere. */
import type { Question, Reply } from "./engine-worker.ts";

const engine = new Worker(new URL("./engine-worker.ts", import.meta.url), { type: "module" });
const form = document.querySelector("form");
const output = document.querySelector("output");
if (form === null || output === null) throw new Error("The page has no form or no output.");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  output.value = "";
  engine.postMessage({
    language: fileOf(fields, "language"),
    vision: fileOf(fields, "vision"),
    picture: fileOf(fields, "picture"),
    text: String(fields.get("question")),
  } satisfies Question);
});

engine.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
  if (data.kind === "text") output.value += data.text;
  else output.dataset.state = data.kind;
  if (data.kind === "failed") output.value = data.message;
});

function fileOf(fields: FormData, name: string): File {
  const file = fields.get(name);
  if (!(file instanceof File)) throw new Error(`The form has no file called ${name}.`);
  return file;
}
