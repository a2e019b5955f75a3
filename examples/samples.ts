/** Three sampled answers to one prompt, which is read once: node examples/samples.ts MODEL photo.jpg */
import { load } from "../src/index.ts";

const [modelPath, picture] = process.argv.slice(2);
await using model = await load(modelPath);
const messages = [{ role: "user", content: [{ image: picture }, "Give the picture a title."] }] as const;
const answers = await model.samples(messages, 3, { temperature: 1, seed: 7, maxNewTokens: 16 });
for (const { text, logProbability } of answers) console.log(logProbability.toFixed(2), JSON.stringify(text));
