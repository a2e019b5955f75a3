// Writes what a run has trained so far in 16 bit, small enough to be kept with the recipe; a later run begins from it with
// `train.ts --init FILE`. Tensors that no stage has trained yet are left out and start as in a fresh run.
// usage: node milestone.ts --run FOLDER --out FILE.safetensors
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { writeNamedTensors } from "../../src/train/checkpoint/write-tensors.ts";
import { loadRun } from "../../src/train/run-folder.ts";
import { trainingGraph } from "../../src/train/training-graph.ts";
import { POCKET, POCKET_HEADS } from "./pocket-model.ts";

const { values: args } = parseArgs({
  options: { run: { type: "string", default: "../../runs/pocket" }, out: { type: "string" } },
});
const saved = await loadRun(args.run);
if (saved === undefined || args.out === undefined) {
  console.error(saved === undefined ? `There is no run in ${args.run}.` : "Name the file with --out.");
  process.exit(2);
}
const shape = { views: 1, patches: 16, tokens: 96 };
const graph = trainingGraph(POCKET, { shape, parts: "both", ...POCKET_HEADS });
const tensors = Object.keys(saved.moments).map((name) => ({
  name,
  shape: graph.values[graph.weights[name]].dims.map((d) => d.capacity),
  values: saved.weights[name],
}));
await writeNamedTensors(args.out, tensors, { type: "BF16" });
console.log(
  `${args.out}: ${tensors.length} tensors, ${statSync(args.out).size} bytes, ${JSON.stringify(saved.progress)}`,
);
