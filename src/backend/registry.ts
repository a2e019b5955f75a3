import { UnsupportedError } from "../base/errors.ts";
import type { Backend, UploadOptions, WeightSource } from "../tensor/backend.ts";
import { dim } from "../tensor/dim.ts";
import { record } from "../tensor/recorder.ts";
import { SelfTestError } from "./errors.ts";
import { createWasmBackend, type WasmBackendOptions } from "./wasm/wasm-backend.ts";
import { layoutBytes, layoutFor } from "./wasm/weight-layout.ts";

/** Backends that can be asked for by name. */
export const BACKEND_NAMES = ["wasm", "webgpu", "onnx"] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

/** What every backend is made from; each takes what it needs. */
export type BackendOptions = WasmBackendOptions;

const NOT_BUILT: Readonly<Record<Exclude<BackendName, "wasm">, string>> = {
  webgpu: "The WebGPU backend is not built yet",
  onnx: "The ONNX backend serves training; inference through it is not built yet",
};

/**
 * Makes a backend after it has shown that it computes: a small product with a known answer. Throws UnsupportedError for
 * one that is not built or that this machine cannot run, SelfTestError where the answer is wrong.
 */
export async function createBackend(name: BackendName, options: BackendOptions): Promise<Backend> {
  if (name !== "wasm") throw new UnsupportedError(`${NOT_BUILT[name]}.`, "Use the backend wasm.");
  const backend = await createWasmBackend(options);
  try {
    await selfTest(backend);
  } catch (error) {
    backend[Symbol.dispose]();
    throw error;
  }
  return backend;
}

const ROWS = 3;
const INTO = 16;
const OUT = 8;
/** By how much an answer may be off, as a share of the sum of its products' magnitudes: rounding to 8 bits costs a hundredth. */
const TOLERANCES = { float: 1e-6, integer: 0.02 } as const;

/** Runs x Wᵀ for small whole numbers, whose products and sums are exact in float32, on both paths. Throws SelfTestError. */
export async function selfTest(backend: Backend): Promise<void> {
  const rows = dim("T", ROWS);
  const into = dim("D", INTO);
  const out = dim("F", OUT);
  const graph = record((ops) => {
    const x = ops.input<["T", "D"]>("x", "f32", rows, into);
    ops.output("y", ops.linear(x, { weight: ops.weight<["F", "D"]>("w", out, into) }));
  });
  const x = Float32Array.from({ length: ROWS * INTO }, (_, i) => ((i * 5) % 7) - 3);
  const w = Float32Array.from({ length: OUT * INTO }, (_, i) => ((i * 3) % 11) - 5);
  for (const precision of ["float", "integer"] as const) {
    using weight = await backend.upload(matrix("w", w, [OUT, INTO]), { precision, uses: ["linear"] });
    using executable = backend.lower(graph, { weights: { w: weight }, label: "self-test", precision });
    const { y } = await executable.run({ inputs: { x } });
    checkProduct(backend, { x, w, y, tolerance: TOLERANCES[precision] });
  }
}

interface Product {
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly y: ArrayLike<number>;
  readonly tolerance: number;
}

function checkProduct(backend: Backend, { x, w, y, tolerance }: Product): void {
  for (let i = 0; i < ROWS * OUT; i++) {
    const [row, column] = [Math.floor(i / OUT), i % OUT];
    let [expected, magnitude] = [0, 0];
    for (let k = 0; k < INTO; k++) {
      const product = x[row * INTO + k] * w[column * INTO + k];
      expected += product;
      magnitude += Math.abs(product);
    }
    if (!(Math.abs(y[i] - expected) <= tolerance * magnitude))
      throw new SelfTestError(backend.info.name, y[i], expected);
  }
}

function matrix(name: string, values: Float32Array<ArrayBuffer>, shape: readonly [number, number]): WeightSource {
  return {
    name,
    type: "F32",
    shape,
    readRows: async (begin, end) => new Uint8Array(values.slice(begin * shape[1], end * shape[1]).buffer),
  };
}

/** Bytes that a weight will take on a backend, before anything is allocated. */
export function plannedWeightBytes(
  { shape, type }: Pick<WeightSource, "shape" | "type">,
  { uses, precision }: Pick<UploadOptions, "uses" | "precision">,
): number {
  const into = shape[shape.length - 1] ?? 1;
  const out = shape.slice(0, -1).reduce((product, length) => product * length, 1);
  const forms = new Map<string, number>();
  for (const use of uses) {
    const layout = layoutFor(use, type, { uses, precision });
    const [rows, columns] = use === "transposed" ? [into, out] : [out, into];
    forms.set(JSON.stringify([layout, rows]), layoutBytes(layout, rows, columns));
  }
  return [...forms.values()].reduce((sum, bytes) => sum + bytes, 0);
}
