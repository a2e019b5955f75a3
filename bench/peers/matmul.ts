// The same products on this engine and on onnxruntime, for `npm run bench -- peers`.

import { type BenchCase, nmseError } from "../../scripts/bench-lib.ts";
import { startNodeWorker } from "../../src/backend/wasm/start-node-worker.ts";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Precision } from "../../src/tensor/backend.ts";
import { dim } from "../../src/tensor/dim.ts";
import { STORAGE_BLOCKS, type StorageType } from "../../src/tensor/dtype.ts";
import { interpret } from "../../src/tensor/oracle.ts";
import { record } from "../../src/tensor/recorder.ts";
import { randomStored } from "../../src/tensor/testing/random-stored.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { normalisedError } from "../normalised-error.ts";
import { type MatmulKind, type MatmulShape, onnxMatmul } from "./onnx-matmul.ts";

const SHAPE: MatmulShape = { rows: 512, into: 3584, out: 3584 };
const WORK = (2 * SHAPE.rows * SHAPE.into * SHAPE.out) / 1e9;
/** Rows whose answer is compared with float64. */
const CHECKED_ROWS = 2;
const SEED = 5;

interface Pairing {
  readonly name: string;
  readonly own: { readonly type: StorageType; readonly precision: Precision };
  readonly peer: MatmulKind;
}

const PAIRINGS: readonly Pairing[] = [
  { name: "float32", own: { type: "F32", precision: "float" }, peer: { kind: "f32" } },
  {
    name: "4 bit, blocks of 32",
    own: { type: "Q4_0", precision: "integer" },
    peer: { kind: "bits", bits: 4, block: 32 },
  },
  {
    name: "8 bit, blocks of 128",
    own: { type: "F16", precision: "integer" },
    peer: { kind: "bits", bits: 8, block: 128 },
  },
];

/** Cases that alternate within one measurement; `owned` must be disposed of after it. */
export async function matmulCases(
  threads: number,
  owned: DisposableStack,
  suffix: string,
): Promise<readonly BenchCase[]> {
  const cases: BenchCase[] = [];
  for (const { name, own, peer } of PAIRINGS) {
    const common = { name: `512 × 3584 × 3584, ${name}`, threads, unit: "GOP/s", work: WORK };
    const { run, error } = await ownMatmul(own, threads, owned);
    cases.push({ ...common, path: `wasm ${own.type} ${own.precision}${suffix}`, error: nmseError(error), run });
    const { y, ...theirs } = await onnxMatmul(peer, { shape: SHAPE, threads, x: inputRows() });
    const theirError = nmseError(normalisedError(y.subarray(0, CHECKED_ROWS * SHAPE.out), theirs.truth(CHECKED_ROWS)));
    cases.push({ ...common, path: "onnxruntime-node", error: theirError, run: theirs.run });
  }
  return cases;
}

/** The rows that both multiply. */
function inputRows(): Float32Array<ArrayBuffer> {
  const random = seededRandom(SEED);
  return Float32Array.from({ length: SHAPE.rows * SHAPE.into }, () => random.normal());
}

async function ownMatmul(
  { type, precision }: Pairing["own"],
  threadCount: number,
  owned: DisposableStack,
): Promise<{ readonly run: () => Promise<void>; readonly error: number }> {
  const { rows, into, out } = SHAPE;
  const graph = record((ops) => {
    const [T, D, F] = [dim("T", rows, "rows"), dim("D", into), dim("F", out)];
    const x = ops.input<["T", "D"]>("x", "f32", T, D);
    ops.output("y", ops.linear(x, { weight: ops.weight<["F", "D"]>("w", F, D) }));
  });
  const bytes = randomStored(type, into * out, seededRandom(SEED + 1));
  const rowBytes = (into / STORAGE_BLOCKS[type].elements) * STORAGE_BLOCKS[type].bytes;
  const readRows = async (begin: number, end: number) => bytes.slice(begin * rowBytes, end * rowBytes);
  const backend = owned.use(await createWasmBackend({ decode: dequantise, startWorker: startNodeWorker, threadCount }));
  const source = { name: "w", type, shape: [out, into], readRows };
  const w = owned.use(await backend.upload(source, { precision, uses: ["linear"] }));
  const executable = owned.use(backend.lower(graph, { weights: { w } }));
  const x = inputRows();
  const few = x.slice(0, CHECKED_ROWS * into);
  const extents = { rows: CHECKED_ROWS };
  const { y } = await executable.run({ extents, inputs: { x: few } });
  const weights = { w: dequantise(type, bytes, into * out) };
  const truth = interpret(graph, { extents, inputs: { x: few }, weights }).outputs.y.data;
  const run = async (): Promise<void> => {
    await executable.run({ extents: { rows }, inputs: { x } });
  };
  return { run, error: normalisedError(y, truth) };
}
