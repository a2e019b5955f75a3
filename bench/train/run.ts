// npm run bench -- train [--trial] [--packing] [--torch PYTHON]: a training step on one thread and two, beside PyTorch where a
// Python that has it is named; with --packing, what packing is worth.
import { parseArgs } from "node:util";
import { BusyMachineError, measure, report, requireQuietMachine } from "../../scripts/bench-lib.ts";
import { createOnnxBackend } from "../../src/backend/onnx/onnx-backend.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { packingCases, stepCase } from "./cases.ts";
import { torchCase } from "./torch-peer.ts";

const { values: args } = parseArgs({
  options: {
    trial: { type: "boolean", default: false },
    packing: { type: "boolean", default: false },
    torch: { type: "string" },
  },
});
const isTrial = args.trial;
// a step takes about a second: few rounds, each of one step of every path
const options = { rounds: 5, sampleMs: 1, isTrial };
try {
  if (!isTrial) await requireQuietMachine();
  for (const threads of [1, 2]) {
    using backend = await createOnnxBackend({ decode: dequantise, threadCount: threads });
    const ours = await stepCase(backend);
    const peers = [];
    for (const mode of args.torch === undefined ? [] : (["eager", "compiled"] as const)) {
      peers.push(await torchCase(args.torch ?? "", { ...ours, mode, threads }));
    }
    report("train", await measure([ours, ...peers], options), isTrial);
    for (const peer of peers) peer[Symbol.dispose]();
    if (args.packing && threads === 1) report("train", await measure(await packingCases(backend), options), isTrial);
  }
} catch (error) {
  if (!(error instanceof BusyMachineError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
process.exit(process.exitCode ?? 0);
