import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createOnnxBackend } from "../../../src/backend/onnx/onnx-backend.ts";
import { load } from "../../../src/chat/load.ts";
import { imagePlaceholder } from "../../../src/chat/placeholders.ts";
import { encodePng } from "../../../src/image/png/encode-png.ts";
import type { RgbImage } from "../../../src/image/rgb-image.ts";
import { fineTune } from "../../../src/train/run/fine-tune.ts";
import { readRows } from "../../../src/train/run/training-log.ts";
import { dequantise } from "../../../src/weights/quant/dequantise.ts";

/** A picture that somebody labelled. */
export interface LabelledPicture {
  readonly image: RgbImage;
  readonly question: string;
  readonly answer: string;
}

export interface OwnPictures {
  /** Folder with config.json, tokenizer.json and weights or none. */
  readonly model: string;
  /** Takes pictures, recipe and run. */
  readonly folder: string;
  readonly train: readonly LabelledPicture[];
  /** Never trained on. */
  readonly held: readonly LabelledPicture[];
  readonly samples: number;
  readonly rate: number;
  /** Side of the square whose area a view aims at, and slices at most. */
  readonly resolution: { readonly side: number; readonly maxSlices: number };
  readonly onLine?: (line: string) => void;
}

/** What training on somebody's own pictures gave. */
export interface OwnPicturesResult {
  readonly losses: readonly number[];
  /** Share of held-out answers that were right to the letter; before is undefined for a folder without weights. */
  readonly before: number | undefined;
  readonly after: number;
  readonly model: string;
}

/** Adapters from a user's own labelled pictures, held-out accuracy before and after: what the documentation tells users to do. */
export async function trainOnOwn(request: OwnPictures, hasWeights: boolean): Promise<OwnPicturesResult> {
  const { folder, model, samples, rate, resolution } = request;
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for (const [i, { image, question, answer }] of request.train.entries()) {
    await writeFile(join(folder, `${i}.png`), await encodePng(image));
    const messages = [
      { role: "user", content: `<image>\n${question}` },
      { role: "assistant", content: answer },
    ];
    lines.push(JSON.stringify({ messages, images: [`${i}.png`] }));
  }
  await writeFile(join(folder, "mine.jsonl"), `${lines.join("\n")}\n`);
  const views = resolution.maxSlices + 1;
  const stage = {
    name: "mine",
    trainable: [],
    lora: {
      rank: 8,
      alpha: 16,
      targets: "llm\\..*layers\\.\\d+\\.(self_attn|mlp)\\.\\w+_proj",
      modulesToSave: ["resampler"],
    },
    resolution: { kind: "adaptive", ...resolution },
    data: [{ name: "mine", file: "mine.jsonl" }],
    samples,
    pack: { views, patches: views * 300, tokens: views * 64 + 256 },
    typical: { tokens: 64, views: 1 },
    packsPerStep: 2,
    optimiser: { rate },
    schedule: { kind: "cosine", warmupShare: 0.05 },
  };
  const recipePath = join(folder, "recipe.json");
  await writeFile(recipePath, JSON.stringify({ name: "mine", init: model, stages: [stage] }));
  const before = hasWeights ? await accuracy(model, request.held) : undefined;
  const run = join(folder, "run");
  using backend = await createOnnxBackend({ decode: dequantise, threadCount: 1 });
  const outcome = await fineTune({
    recipePath,
    folder: run,
    backend,
    pictureText: imagePlaceholder,
    lockPath: join(folder, "lock"),
    ...(request.onLine === undefined ? {} : { onLine: request.onLine }),
  });
  const losses = (await readRows(join(run, "log.jsonl"))).map(({ loss }) => loss);
  const [trained] = outcome.written;
  return { losses, before, after: await accuracy(trained, request.held), model: trained };
}

async function accuracy(model: string, held: readonly LabelledPicture[]): Promise<number> {
  await using opened = await load(model, { threads: 1 });
  let right = 0;
  for (const { image, question, answer } of held) {
    const asked = [{ role: "user", content: [{ image }, question] }] as const;
    const said = await opened.complete(asked, { temperature: 0, maxNewTokens: 48 });
    if (said.text.replace(/<box>.*?<\/box>/g, "").trim() === answer) right++;
  }
  return right / held.length;
}
