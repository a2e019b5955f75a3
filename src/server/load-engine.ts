import { type LoadOptions, load, type ModelReference } from "../chat/load.ts";
import type { Model } from "../chat/model.ts";
import type { ChatEngine } from "./engine.ts";
import { modelEngine } from "./model-engine.ts";

export interface LoadEngineOptions extends LoadOptions {
  /** Name that clients ask for; made from the model's title by default. */
  readonly id?: string | undefined;
  /** Answers that are worked on at once; further requests wait. */
  readonly parallelCount?: number | undefined;
}

export interface LoadedEngine extends AsyncDisposable {
  readonly engine: ChatEngine;
  readonly model: Model;
}

const DEFAULT_PARALLEL = 4;
/** Kept conversations beyond those at work: a client that comes back finds its own. */
const KEPT_COUNT = 4;

/** Opens a model for `serve`: both parts in memory and a sequence for each answer. */
export async function loadEngine(reference: ModelReference, options: LoadEngineOptions = {}): Promise<LoadedEngine> {
  const { id, parallelCount = DEFAULT_PARALLEL, ...rest } = options;
  const model = await load(reference, {
    load: "together",
    ...rest,
    sequenceCount: options.sequenceCount ?? parallelCount + KEPT_COUNT,
  });
  return {
    engine: modelEngine(model, { id, parallelCount }),
    model,
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  };
}
