import type { WeightSource } from "../tensor/backend.ts";
import type { Graph } from "../tensor/graph.ts";
import type { Checkpoint } from "../weights/checkpoint.ts";
import { WeightMismatchError } from "../weights/errors.ts";
import { WeightReader } from "../weights/weight-reader.ts";
import type { ModelDescription } from "./minicpmv/version.ts";
import { bindWeights } from "./weight-binding.ts";

/** The recorded parts of a model; graphs of one part ask for the same weights. */
export interface ModelGraphs {
  readonly vision: readonly Graph[];
  readonly decoder: readonly Graph[];
}

/** Weights of both parts by the names that the graphs give them; nothing read yet. */
export interface ModelWeights {
  readonly vision: ReadonlyMap<string, WeightSource>;
  readonly decoder: ReadonlyMap<string, WeightSource>;
}

/**
 * Finds every weight of a model in its files. Throws WeightMismatchError with every gap, leftover, wrong shape and wrong
 * type of both files together.
 */
export function bindModel(
  { naming, computed }: Pick<ModelDescription, "naming" | "computed">,
  files: { readonly language: Checkpoint; readonly vision?: Checkpoint | undefined },
  graphs: ModelGraphs,
): ModelWeights {
  const language = new WeightReader(files.language);
  const vision = files.vision === undefined ? language : new WeightReader(files.vision);
  const weights = {
    vision: bindWeights(graphs.vision, { reader: vision, naming: naming.vision, computed }),
    decoder: bindWeights(graphs.decoder, { reader: language, naming: naming.language, computed }),
  };
  const readers = [...new Set([language, vision])];
  for (const reader of readers) for (const pattern of naming.ignored) reader.ignore(pattern);
  finishTogether(readers);
  return weights;
}

function finishTogether(readers: readonly WeightReader[]): void {
  const found = readers.flatMap((reader) => {
    try {
      reader.finish();
    } catch (error) {
      if (error instanceof WeightMismatchError) return [{ reader, error }];
      throw error;
    }
    return [];
  });
  if (found.length === 1) throw found[0].error;
  if (found.length === 0) return;
  const all = found.map(({ error }) => error.mismatch);
  throw new WeightMismatchError(found.map(({ reader }) => reader.checkpoint.fileName).join(" and "), {
    missing: all.flatMap(({ missing }) => missing),
    leftover: all.flatMap(({ leftover }) => leftover),
    wrongShape: all.flatMap(({ wrongShape }) => wrongShape),
    wrongType: all.flatMap(({ wrongType }) => wrongType),
  });
}
