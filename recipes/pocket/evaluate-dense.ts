// How many characters the tower and the queries hold, before the decoder can say them: share of inked cells whose class is right
// on sheets in fonts of training and in held-out ones. usage: node evaluate-dense.ts WEIGHTS.safetensors [--views 100]
import { parseArgs } from "node:util";
import { createOnnxBackend } from "../../src/backend/onnx/onnx-backend.ts";
import { slotsOf } from "../../src/tensor/graph.ts";
import { computedWeights } from "../../src/train/computed-weights.ts";
import { readTensors } from "../../src/train/run-folder.ts";
import { valuesSource } from "../../src/train/trainer.ts";
import { trainingGraph } from "../../src/train/training-graph.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { sample } from "./data/sample.ts";
import { stages } from "./data/stage.ts";
import type { Stage } from "./data/types.ts";
import { FIRST_EVALUATION_SEED } from "./eval-sets.ts";
import { addSample, emptyPack, packBlocks, packInputs } from "./pack.ts";
import { POCKET, POCKET_DENSE } from "./pocket-model.ts";
import { ILLEGIBLE, legibleViews } from "./prepare.ts";

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: { views: { type: "string", default: "100" } },
});
const tensors = { ...(await readTensors(positionals[0])) };
const shape = { views: 5, patches: 5 * 448, tokens: 4096 };
const graph = trainingGraph(POCKET, { shape, parts: "dense", dense: POCKET_DENSE });
const backend = await createOnnxBackend({ decode: dequantise });
const all = { ...tensors, ...computedWeights(graph) };
const weights = Object.fromEntries(
  await Promise.all(
    Object.entries(graph.weights).map(async ([name, id]) => {
      const dims = graph.values[id].dims.map((d) => d.capacity);
      return [
        name,
        await backend.upload(valuesSource(name, dims, all[name]), { precision: "float", uses: [] }),
      ] as const;
    }),
  ),
);
const executable = backend.lower(graph, { weights, label: "dense", blocks: packBlocks(shape) });
const stage: Stage = { ...stages.blocks, kinds: { sheet: 1 }, fontPixels: [14, 28], turns: [1, 1], degradation: 0.25 };

/** Views of one split, a pack at a time. */
async function measure(fonts: "train" | "heldOut"): Promise<Readonly<Record<"patches" | "queries", number>>> {
  const hits = { dense: [0, 0], query: [0, 0] };
  let index = 0;
  for (let views = 0; views < Number(args.views); ) {
    const pack = emptyPack();
    while (
      addSample(pack, legibleViews(sample(FIRST_EVALUATION_SEED + 500, index++, { stage, splits: { fonts } })), shape)
    );
    const inputs = packInputs(pack, {
      shape,
      parts: "dense",
      textScale: 1,
      placeScale: 1,
      denseScale: 1,
      queryScale: 1,
    });
    const result = await executable.run({ extents: slotsOf(graph), inputs });
    for (const kind of ["dense", "query"] as const) {
      const cells = kind === "dense" ? POCKET_DENSE.cellsPerPatch : (POCKET_DENSE.cellsPerQuery ?? 0);
      for (let cell = 0; cell < cells; cell++) {
        const targets = inputs[`${kind}Targets.${cell}`];
        for (let i = 0; i < targets.length; i++) {
          if (targets[i] === 0 || targets[i] === ILLEGIBLE) continue;
          hits[kind][1]++;
          if (result[`${kind}Prediction.${cell}`][i] === targets[i]) hits[kind][0]++;
        }
      }
    }
    views += pack.views;
    await new Promise((resolve) => setImmediate(resolve)); // the canvas frees its memory between turns
  }
  const share = ([right, total]: readonly number[]): number => Number((right / total).toFixed(4));
  return { patches: share(hits.dense), queries: share(hits.query) };
}

for (const fonts of ["train", "heldOut"] as const) console.log(fonts, JSON.stringify(await measure(fonts)));
process.exit(0);
