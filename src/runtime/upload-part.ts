import { AbortedError } from "../base/errors.ts";
import type { Backend, Precision, ResidentWeight, WeightSource, WeightUse } from "../tensor/backend.ts";
import { storedBytes } from "./memory-plan.ts";

/** Which kernels a model runs on. */
export type KernelChoice =
  /** Activations stay float32: what comparisons with the reference use. */
  | "generic"
  /** Quantised matrices are multiplied in 8-bit integers. */
  | "tuned";

export interface UploadRequest {
  readonly backend: Backend;
  readonly sources: ReadonlyMap<string, WeightSource>;
  readonly uses: Readonly<Record<string, readonly WeightUse[]>>;
  readonly kernels: KernelChoice;
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Weights of one part, resident until disposed. */
export class ResidentPart implements Disposable {
  readonly weights: Readonly<Record<string, ResidentWeight>>;

  constructor(weights: Readonly<Record<string, ResidentWeight>>) {
    this.weights = weights;
  }

  get residentBytes(): number {
    return Object.values(this.weights).reduce((sum, weight) => sum + weight.residentBytes, 0);
  }

  [Symbol.dispose](): void {
    for (const weight of Object.values(this.weights)) weight[Symbol.dispose]();
  }
}

/** Streams a part's weights into the backend, one at a time. On failure nothing stays resident. Throws AbortedError. */
export async function uploadPart(request: UploadRequest): Promise<ResidentPart> {
  const { backend, sources, uses, kernels, signal } = request;
  const weights: Record<string, ResidentWeight> = {};
  const total = [...sources.values()].reduce((sum, source) => sum + storedBytes(source), 0);
  let done = 0;
  try {
    for (const [name, source] of sources) {
      if (signal?.aborted === true) throw new AbortedError("Loading the model", { cause: signal.reason });
      weights[name] = await backend.upload(source, {
        precision: precisionOf(source, uses[name] ?? [], kernels),
        uses: uses[name] ?? ["plain"],
        ...(signal === undefined ? {} : { signal }),
      });
      done += storedBytes(source);
      request.onProgress?.(done, total);
    }
  } catch (error) {
    for (const weight of Object.values(weights)) weight[Symbol.dispose]();
    throw error;
  }
  return new ResidentPart(weights);
}

const FULL_TYPES: readonly string[] = ["F32", "F16", "BF16"];

function precisionOf(source: WeightSource, uses: readonly WeightUse[], kernels: KernelChoice): Precision {
  const isQuantisedMatrix = uses.includes("linear") && !FULL_TYPES.includes(source.type);
  return kernels === "tuned" && isQuantisedMatrix ? "integer" : "float";
}
