/** One published pair of files. */
export interface PublishedSet {
  readonly title: string;
  /** What `pull` and `-m` take. */
  readonly reference: string;
  readonly languageBytes: number;
  readonly towerBytes: number;
  /** True where a size is computed from the shape instead of read from the publisher's list. */
  readonly isEstimate: boolean;
  /** Key-value cache in 16 bit. */
  readonly cacheBytesPerToken: number;
  /** Tower and connector for one 448×448 view. */
  readonly flopsPerView: number;
  readonly licence: string;
  readonly languages: string;
}

const MODEL_LICENCE = "MiniCPM Model License";
const FULL_TOWER = 0.97e12;
const EARLY_MERGING = 0.48e12;
const TOWER_2_6 = 1_044_425_152;
/** Resampler parameters beyond those of 2.6, at two bytes. */
const WIDER_RESAMPLER = 2 * 20.4e6;

/** GGUF pairs as their authors publish them; sizes from the repositories' file lists. */
export const PUBLISHED: readonly PublishedSet[] = [
  v46("Q4_K_M", 529e6, false),
  v46("Q8_0", 812e6, false),
  v46("F16", 1.5e9, true),
  {
    title: "MiniCPM-V 4.5",
    reference: "openbmb/MiniCPM-V-4_5-gguf:Q4_K_M",
    languageBytes: 5_025_116_160,
    towerBytes: TOWER_2_6 + WIDER_RESAMPLER,
    isEstimate: true,
    cacheBytesPerToken: 147_456,
    flopsPerView: FULL_TOWER,
    licence: MODEL_LICENCE,
    languages: "30+",
  },
  {
    title: "MiniCPM-V 4.0",
    reference: "openbmb/MiniCPM-V-4-gguf:Q4_0",
    languageBytes: 2.08e9,
    towerBytes: 959e6,
    isEstimate: false,
    cacheBytesPerToken: 32_768,
    flopsPerView: FULL_TOWER,
    licence: MODEL_LICENCE,
    languages: "30+",
  },
  {
    title: "MiniCPM-V 2.6",
    reference: "openbmb/MiniCPM-V-2_6-gguf:Q4_K_M",
    languageBytes: 4_681_089_344,
    towerBytes: TOWER_2_6,
    isEstimate: false,
    cacheBytesPerToken: 57_344,
    flopsPerView: FULL_TOWER,
    licence: MODEL_LICENCE,
    languages: "en zh de fr it ko",
  },
  {
    title: "MiniCPM-Llama3-V 2.5",
    reference: "openbmb/MiniCPM-Llama3-V-2_5-gguf:Q4_K_M",
    languageBytes: 5e9,
    towerBytes: TOWER_2_6 + WIDER_RESAMPLER,
    isEstimate: true,
    cacheBytesPerToken: 131_072,
    flopsPerView: FULL_TOWER,
    licence: MODEL_LICENCE,
    languages: "30+",
  },
];

function v46(quantisation: string, languageBytes: number, isEstimate: boolean): PublishedSet {
  return {
    title: "MiniCPM-V 4.6",
    reference: `openbmb/MiniCPM-V-4.6-gguf:${quantisation}`,
    languageBytes,
    towerBytes: 1109e6,
    isEstimate,
    cacheBytesPerToken: 12_288,
    flopsPerView: EARLY_MERGING,
    licence: "Apache-2.0",
    languages: "30+",
  };
}
