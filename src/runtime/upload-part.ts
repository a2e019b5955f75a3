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
  readonly precisionOf: (source: WeightSource, uses: readonly WeightUse[]) => Precision;
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
  const { backend, sources, uses, precisionOf, signal } = request;
  const weights: Record<string, ResidentWeight> = {};
  const total = [...sources.values()].reduce((sum, source) => sum + storedBytes(source), 0);
  let done = 0;
  try {
    for (const [name, source] of sources) {
      if (signal?.aborted === true) throw new AbortedError("Loading the model", { cause: signal.reason });
      weights[name] = await backend.upload(source, {
        precision: precisionOf(source, uses[name] ?? []),
        uses: uses[name] ?? ["plain"],
        ...(signal === undefined ? {} : { signal }),
      });
      done += storedBytes(source);
      request.onProgress?.(done, total);
    }
  } catch (error) {
    for (const weight of Object.values(weights)) weight[Symbol.dispose]();
    // backends and files throw the signal's own reason
    if (signal?.aborted === true) throw new AbortedError("Loading the model", { cause: error });
    throw error;
  }
  return new ResidentPart(weights);
}

const FULL_TYPES: readonly string[] = ["F32", "F16", "BF16"];

/** How a weight is computed with: quantised matrices in integers where tuned, those of an F16 tower where asked for too. */
export function precisionFor(
  { type }: Pick<WeightSource, "type">,
  uses: readonly WeightUse[],
  { kernels, isInt8 }: { readonly kernels: KernelChoice; readonly isInt8: boolean },
): Precision {
  if (kernels === "generic" || !uses.includes("linear")) return "float";
  return isInt8 || !FULL_TYPES.includes(type) ? "integer" : "float";
}

/** What 8 bits cost one matrix. */
export interface RepackCost {
  readonly name: string;
  /** Of the numbers that are kept against the stored ones. */
  readonly nmse: number;
}

/** Repacks every matrix of full type as an 8-bit tower does, one at a time, and gives each back. Throws AbortedError. */
export async function measureRepack(
  request: Pick<UploadRequest, "backend" | "sources" | "uses" | "signal">,
): Promise<readonly RepackCost[]> {
  const { backend, sources, uses, signal } = request;
  const costs: RepackCost[] = [];
  for (const [name, source] of sources) {
    if (!FULL_TYPES.includes(source.type) || uses[name]?.includes("linear") !== true) continue;
    if (signal?.aborted === true) throw new AbortedError("Measuring the tower", { cause: signal.reason });
    const options = { precision: "integer", uses: ["linear"], measureRepack: true } as const;
    using weight = await backend.upload(source, options);
    if (weight.repackError !== undefined) costs.push({ name, nmse: weight.repackError });
  }
  return costs;
}
