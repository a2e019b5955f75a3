/** Reads a receipt into typed fields, each with a confidence: node examples/extract.ts MODEL receipt.png */
import { z } from "zod";
import { load } from "../src/index.ts";

const receipt = z.object({
  currency: z.enum(["EUR", "USD", "CNY"]),
  paid: z.boolean(),
  items: z.array(z.object({ price: z.number().int().min(0).max(99) })).max(2),
});

const [modelPath, picture] = process.argv.slice(2);
await using model = await load(modelPath);
const { value, fields } = await model.extract({ image: picture }, receipt, { maxNewTokens: 400 });
console.log(value.currency, value.paid, value.items.length);
for (const { path, value: read, confidence } of fields) console.log(path.join("."), read, confidence.toFixed(3));
