/** Two questions about one picture, which is encoded and read once: node examples/several-turns.ts MODEL photo.jpg */
import { load, type Message } from "../src/index.ts";

const [modelPath, picture] = process.argv.slice(2);
await using model = await load(modelPath);
let messages: readonly Message[] = [];
for (const question of ["What is in the picture?", "What colour is it?"]) {
  const content = messages.length === 0 ? [{ image: picture }, question] : question;
  messages = [...messages, { role: "user", content }];
  const answer = await model.complete(messages, { temperature: 0, maxNewTokens: 64 });
  messages = [...messages, { role: "assistant", content: answer.text }];
  console.log(`${question}\n${answer.text}`);
  console.log(`(${answer.usage.reusedTokens} of ${answer.usage.promptTokens} prompt tokens were in the cache)\n`);
}
