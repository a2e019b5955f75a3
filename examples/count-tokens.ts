/** What a picture costs before anything is run, at three levels of detail: node examples/count-tokens.ts MODEL photo.jpg */
import { load } from "../src/index.ts";

const [modelPath, picture] = process.argv.slice(2);
await using model = await load(modelPath);
for (const detail of ["low", "auto", "high"] as const) {
  const { total, pictures, left } = await model.countTokens([
    { role: "user", content: [{ image: picture, detail }, "Read this."] },
  ]);
  console.log(`${detail}: ${pictures[0]} of the picture, ${total} in all, ${left} left for the answer`);
}
