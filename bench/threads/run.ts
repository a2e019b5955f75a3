// npm run bench -- threads [--trial]: a decode-like step of 96 small maps on 1 and 2 threads, on a free machine and with
// another process on one core. Threads that only spin lose their time slice to it and drag the others down.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import {
  type BenchCase,
  BusyMachineError,
  measure,
  nmseError,
  report,
  requireQuietMachine,
} from "../../scripts/bench-lib.ts";
import { startNodeWorker } from "../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Executable, ResidentWeight } from "../../src/tensor/backend.ts";
import { dim } from "../../src/tensor/dim.ts";
import { interpret } from "../../src/tensor/oracle.ts";
import { record } from "../../src/tensor/recorder.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { normalisedError } from "../normalised-error.ts";

const WIDTH = 1024;
const HIDDEN = 3584;
const LAYERS = 48;

/** x += W_down silu(W_up x), 48 times: about a decode step of the 4.6 shape, one weight pair shared by all layers. */
const graph = record((ops) => {
  const [T, D, F] = [dim("T", 1), dim("D", WIDTH), dim("F", HIDDEN)];
  const up = { weight: ops.weight<["F", "D"]>("up", F, D) };
  const down = { weight: ops.weight<["D", "F"]>("down", D, F) };
  let x = ops.input<["T", "D"]>("x", "f32", T, D);
  for (let i = 0; i < LAYERS; i++) x = ops.add(x, ops.linear(ops.silu(ops.linear(x, up)), down));
  ops.output("y", x);
});

const random = seededRandom(1);
const x = Float32Array.from({ length: WIDTH }, () => random.normal());
const values = new Float32Array(WIDTH * HIDDEN).map(() => random.normal() * 0.01);

const shapes = { up: [HIDDEN, WIDTH], down: [WIDTH, HIDDEN] } as const;
const truth = interpret(graph, { inputs: { x }, weights: { up: values, down: values } }).outputs.y.data;

async function executable(threadCount: number): Promise<Executable> {
  const backend = await createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount });
  const weights: Record<string, ResidentWeight> = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const readRows = async (begin: number, end: number) =>
      new Uint8Array(values.slice(begin * shape[1], end * shape[1]).buffer);
    const source = { name, type: "F32", shape, readRows } as const;
    weights[name] = await backend.upload(source, { precision: "float", uses: ["linear"] });
  }
  return backend.lower(graph, { weights });
}

async function cases(suffix: string): Promise<readonly BenchCase[]> {
  return Promise.all(
    [1, 2].map(async (threads) => {
      const step = await executable(threads);
      const error = nmseError(normalisedError((await step.run({ inputs: { x } })).y, truth));
      const run = async (): Promise<void> => {
        await step.run({ inputs: { x } });
      };
      return { name: `decode-like step, ${suffix}`, path: "wasm float", threads, unit: "steps/s", work: 1, error, run };
    }),
  );
}

const isTrial = process.argv.includes("--trial");
const unwatched = async (work: () => Promise<void>): Promise<number> => {
  await work();
  return 0;
};
try {
  if (!isTrial) await requireQuietMachine();
  report("threads", await measure(await cases("machine free"), { isTrial }), isTrial);
  const busy = spawn(process.execPath, [fileURLToPath(new URL("./busy.ts", import.meta.url))], { stdio: "ignore" });
  try {
    const rows = await measure(await cases("one core taken by another process"), { isTrial, watch: unwatched });
    report("threads", rows, isTrial);
  } finally {
    busy.kill("SIGKILL");
  }
} catch (error) {
  if (!(error instanceof BusyMachineError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
process.exit();
