import { memoriesFor } from "../backend/wasm/memories.ts";
import type { WeightSource } from "../tensor/backend.ts";
import type { Graph } from "../tensor/graph.ts";
import { plan, requireFits } from "../tensor/planner.ts";
import { byteLengthOf } from "../weights/quant/formats.ts";

/** Bytes that one part of a model will need, before any is allocated. */
export interface PartPlan {
  readonly weightBytes: number;
  /** Caches and recurrent states; they stay as long as the part. */
  readonly stateBytes: number;
  /** Temporaries of its largest graph. */
  readonly workspaceBytes: number;
}

/** What a model needs, and how it will be loaded within the budget. */
export interface MemoryPlan {
  readonly vision: PartPlan;
  readonly decoder: PartPlan;
  readonly budgetBytes: number;
  /** Most that is resident at once under the chosen order. */
  readonly peakBytes: number;
  /** Both parts fit together, so that neither is loaded twice. */
  readonly keepsBoth: boolean;
}

/** Which part is in memory when: paper §5.2 found that loading both at once made phones page. */
export type LoadOrder =
  /** Everything when the model is opened. */
  | "together"
  /** The tower when a picture comes, the decoder after it; the tower goes where both do not fit. */
  | "sequential";

/** Weights of a part with the bytes that each will take, and its graphs. */
export interface PartRequest {
  readonly weightBytes: number;
  readonly graphs: readonly Graph[];
}

export interface PlanRequest {
  readonly vision: PartRequest;
  readonly decoder: PartRequest;
  readonly order: LoadOrder;
  readonly budgetBytes: number;
}

/** Adds up what the graphs and files say. Throws MemoryBudgetError where the model cannot fit, with nothing allocated. */
export function planMemory(request: PlanRequest): MemoryPlan {
  const vision = planPart(request.vision);
  const decoder = planPart(request.decoder);
  const { order, budgetBytes } = request;
  // executables do not run at once and share one arena
  const workspace = Math.max(vision.workspaceBytes, decoder.workspaceBytes);
  const both = vision.weightBytes + decoder.weightBytes + decoder.stateBytes + workspace;
  const larger = Math.max(totalOf(vision), totalOf(decoder));
  const keepsBoth = both <= budgetBytes;
  const needed = order === "together" ? both : larger;
  const what = order === "together" ? "Loading tower and language model together" : "The larger part of the model";
  requireFits(what, needed, budgetBytes);
  return { vision, decoder, budgetBytes, keepsBoth, peakBytes: keepsBoth ? both : larger };
}

function totalOf(part: PartPlan): number {
  return part.weightBytes + part.stateBytes + part.workspaceBytes;
}

function planPart({ weightBytes, graphs }: PartRequest): PartPlan {
  const plans = graphs.map((graph) => plan(graph));
  return {
    weightBytes,
    stateBytes: Math.max(0, ...plans.map((each) => each.stateBytes)),
    // layers in several memories compute in an arena of each
    workspaceBytes: memoriesFor(weightBytes) * Math.max(0, ...plans.map((each) => each.arenaBytes + each.inputBytes)),
  };
}

/** Bytes of a weight in its file. */
export function storedBytes({ type, shape }: Pick<WeightSource, "type" | "shape">): number {
  return byteLengthOf(
    type,
    shape.reduce((product, length) => product * length, 1),
  );
}
