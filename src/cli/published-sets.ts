/** One published set of files: a GGUF pair, or the release itself in safetensors. */
export interface PublishedSet {
  readonly title: string;
  /** What `pull` and `-m` take. */
  readonly reference: string;
  readonly languageBytes: number;
  readonly towerBytes: number;
  /** Fetched with the rest and never loaded: the sound parts of the o-releases. */
  readonly unusedBytes?: number;
  /** True where a size is computed from the shape instead of read from the publisher's list. */
  readonly isEstimate: boolean;
  /** Key-value cache in 16 bit. */
  readonly cacheBytesPerToken: number;
  /** Tower and connector for one 448×448 view. */
  readonly flopsPerView: number;
  /** True where a picture is one view whatever its size. */
  readonly hasOneView?: boolean;
  readonly licence: string;
  readonly languages: string;
}

const MODEL_LICENCE = "MiniCPM Model License";
const FULL_TOWER = 0.97e12;
const EARLY_MERGING = 0.48e12;
const TOWER_2_6 = 1_044_425_152;
/** Resampler parameters beyond those of 2.6, at two bytes. */
const WIDER_RESAMPLER = 2 * 20.4e6;

/** Two bytes to a parameter, as every release is stored. */
const BYTES_PER_PARAMETER = 2;
/** Of 4.6 in its own files: tower, window merger and final merger. */
const TOWER_4_6 = 1.097e9;

/** What their authors publish: GGUF pairs with sizes from the repositories' file lists, and the releases themselves. */
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
  {
    ...v46("", 2_600_856_032 - TOWER_4_6, false),
    reference: "openbmb/MiniCPM-V-4.6",
    towerBytes: TOWER_4_6,
  },
  release("MiniCPM-V 4.5", "openbmb/MiniCPM-V-4_5", 8.7e9, { cacheBytesPerToken: 147_456 }),
  release("MiniCPM-V 4.0", "openbmb/MiniCPM-V-4", 4.1e9, { cacheBytesPerToken: 32_768 }),
  release("MiniCPM-V 2.6", "openbmb/MiniCPM-V-2_6", 8.1e9, {
    cacheBytesPerToken: 57_344,
    languages: "en zh de fr it ko",
  }),
  release("MiniCPM-Llama3-V 2.5", "openbmb/MiniCPM-Llama3-V-2_5", 8.537e9, { cacheBytesPerToken: 131_072 }),
  release("MiniCPM-V 2.0", "openbmb/MiniCPM-V-2", 2.8e9, { cacheBytesPerToken: 368_640, languages: "en zh" }),
  release("MiniCPM-V 1.0", "openbmb/MiniCPM-V", 2.8e9, {
    cacheBytesPerToken: 368_640,
    languages: "en zh",
    hasOneView: true,
  }),
  release("MiniCPM-o 4.5", "openbmb/MiniCPM-o-4_5", 8.7e9, { cacheBytesPerToken: 147_456, unusedBytes: 0.6e9 }),
  release("MiniCPM-o 2.6", "openbmb/MiniCPM-o-2_6", 8.1e9, { cacheBytesPerToken: 57_344, unusedBytes: 1.2e9 }),
];

/** A release in safetensors; its sizes follow from the number of parameters that are loaded. */
function release(
  title: string,
  reference: string,
  parameters: number,
  rest: Pick<PublishedSet, "cacheBytesPerToken"> & Partial<PublishedSet>,
): PublishedSet {
  return {
    title,
    reference,
    languageBytes: parameters * BYTES_PER_PARAMETER - TOWER_2_6,
    towerBytes: TOWER_2_6,
    isEstimate: true,
    flopsPerView: FULL_TOWER,
    licence: MODEL_LICENCE,
    languages: "30+",
    ...rest,
  };
}

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
