/** Asks about a picture and prints the answer as it comes: node examples/ask.ts MODEL photo.jpg "What is this?" */
import { load } from "../src/index.ts";

const [modelPath, picture, question = "What does the picture show?"] = process.argv.slice(2);
await using model = await load(modelPath);
for await (const part of model.chat([{ role: "user", content: [{ image: picture }, question] }])) {
  if (part.type === "text") process.stdout.write(part.text);
  if (part.type === "done") console.log(`\n${part.answer.usage.completionTokens} tokens`);
}
