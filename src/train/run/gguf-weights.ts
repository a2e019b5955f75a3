import { join } from "node:path";
import { UnsupportedError } from "../../base/errors.ts";
import { openFileSource } from "../../io/node/file-source.ts";
import { ggufLanguageNaming, ggufVisionNaming } from "../../model/naming/gguf.ts";
import type { Graph } from "../../tensor/graph.ts";
import { openCheckpoint } from "../../weights/open-checkpoint.ts";
import { dequantise } from "../../weights/quant/dequantise.ts";
import { CheckpointMismatchError } from "../errors.ts";

/** The two files of a model, as training starts from them: the built-in model is shipped so. */
export interface GgufPair {
  /** Weights by the graph's names in the form of safetensors, read as float32. Throws CheckpointMismatchError. */
  weights(graph: Graph): Promise<Record<string, Float32Array>>;
  close(): Promise<void>;
}

/** Its rows are stored as they are trained; llama-type files permute them. */
const PLAIN_ARCHITECTURE = "qwen2";
const PROJECTION = "resampler.proj";

/** Opens the pair among `names`; undefined where there is no GGUF file. Throws UnsupportedError for other files than one plain pair. */
export async function openGgufPair(folder: string, names: readonly string[]): Promise<GgufPair | undefined> {
  const found = names.filter((name) => /\.(gguf|safetensors|bin)$/.test(name));
  if (found.length === 0) return undefined;
  const projectors = found.filter((name) => /^mmproj.*\.gguf$/.test(name));
  const models = found.filter((name) => name.endsWith(".gguf") && !projectors.includes(name));
  if (projectors.length !== 1 || models.length !== 1 || found.length !== 2) throw unfit(folder, found.join(", "));
  const open = async (name: string) => openCheckpoint(await openFileSource(join(folder, name)));
  const [language, vision] = [await open(models[0]), await open(projectors[0])];
  const close = async (): Promise<void> => {
    await language.close();
    await vision.close();
  };
  const architecture = language.metadata.string("general.architecture");
  if (architecture !== PLAIN_ARCHITECTURE) {
    await close();
    throw unfit(folder, `a pair of architecture ${architecture}`);
  }
  const naming = { language: ggufLanguageNaming(PLAIN_ARCHITECTURE), vision: ggufVisionNaming({ isSwapped: true }) };
  return {
    close,
    weights: async (graph) => {
      const weights: Record<string, Float32Array> = {};
      for (const [name, id] of Object.entries(graph.weights)) {
        if (name.startsWith("computed.")) continue;
        const shape = graph.values[id].dims.map(({ capacity }) => capacity);
        const count = shape.reduce((product, length) => product * length, 1);
        const isLanguage = name.startsWith("llm.");
        const checkpoint = isLanguage ? language : vision;
        const place = (isLanguage ? naming.language : naming.vision)(name, shape);
        if (place === undefined || !checkpoint.has(place.name))
          throw new CheckpointMismatchError(checkpoint.fileName, `it has no tensor ${place?.name ?? name}`);
        const tensor = checkpoint.tensor(place.name);
        if (tensor.shape.reduce((product, length) => product * length, 1) !== count) {
          const problem = `tensor ${place.name} is [${tensor.shape}] and the model has [${shape}]`;
          throw new CheckpointMismatchError(checkpoint.fileName, problem);
        }
        const values = Float32Array.from(dequantise(tensor.type, await tensor.read(), count));
        weights[name] = name === PROJECTION ? transposed(values, shape[0]) : values;
      }
      return weights;
    },
  };
}

function unfit(folder: string, what: string): UnsupportedError {
  return new UnsupportedError(
    `${folder} has ${what}; training starts from model.safetensors or from one GGUF pair of a Qwen2-type model.`,
    "Take the original release, or remove the files to start with fresh weights.",
  );
}

/** GGUF files keep the projection for W·x, safetensors for x @ W. */
function transposed(values: Float32Array, side: number): Float32Array {
  return values.map((_, i) => values[(i % side) * side + Math.floor(i / side)]);
}
