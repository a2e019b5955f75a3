/**
 * The `openai` package, unchanged, against a model on this machine:
 *   minicpmv serve -m MODEL --port 8080
 *   node examples/openai/client.ts http://127.0.0.1:8080/v1 photo.png
 */
import { readFile } from "node:fs/promises";
import OpenAI from "openai";

const [baseURL, picture] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none is asked for on this machine" });
const [{ id: model }] = (await client.models.list()).data;
const url = `data:image/png;base64,${await readFile(picture, "base64")}`;
const stream = await client.chat.completions.create({
  model,
  stream: true,
  max_tokens: 32,
  messages: [
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url } },
        { type: "text", text: "What does the picture show?" },
      ],
    },
  ],
});
for await (const { choices } of stream) process.stdout.write(choices[0]?.delta.content ?? "");
console.log();
