import type { DecoderConfig, HybridConfig, ResamplerConfig, VisionConfig } from "../config.ts";
import type { WeightNaming } from "../weight-binding.ts";

/** Names of one version's weights in its files. */
export interface ModelNaming {
  readonly language: WeightNaming;
  readonly vision: WeightNaming;
  /** Tensors that are known and left out. */
  readonly ignored: readonly RegExp[];
}

/** How the released safetensors of a version name their tower. */
export type TowerNames = "timm" | "navit" | "merger";

/** MiniCPM's muP constants. */
export type MupScales = Pick<DecoderConfig, "embeddingScale" | "residualScale" | "logitDivisor">;

/**
 * What a container says about a model, the same for config.json with safetensors and for a pair of GGUF files. A version
 * adds what its family has and no file says.
 */
export interface ModelSource {
  readonly decoder: DecoderConfig;
  readonly vision: Omit<VisionConfig, "positions" | "activation">;
  readonly queryCount: number | undefined;
  /** Side of the square whose area one view aims at; 448 in every release. */
  readonly resolution: number;
  /** What the files call themselves: `_name_or_path` or general.name. */
  readonly name: string;
  readonly projection: ResamplerConfig["projection"];
  /** False where the release, or its configuration, encodes view by view instead of in one padded batch (V-2.5). */
  readonly isBatched: boolean;
  mupScales(): MupScales;
  hybrid(): HybridConfig;
  /** The window merger stands after this layer (V-4.6). */
  insertLayer(): number;
  naming(tower: TowerNames): ModelNaming;
}

/** What the resamplers of all versions have in common: heads of 128, fresh key positions, nothing added to queries. */
export function plainResampler(source: ModelSource, queryCount: number): ResamplerConfig {
  const { width } = source.decoder;
  return {
    queryCount: source.queryCount ?? queryCount,
    width,
    headCount: width / 128,
    hasQueryPositions: false,
    keyPositions: "fresh",
    hasTime: false,
    projection: source.projection,
  };
}
