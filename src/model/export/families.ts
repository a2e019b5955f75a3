import { ExportError } from "../errors.ts";
import type { VersionId } from "../minicpmv/version.ts";

/** What GGUF files call the parts of a version. */
export interface GgufFamily {
  /** general.architecture of the language model. */
  readonly architecture: "llama" | "qwen2" | "qwen3" | "qwen35";
  /** tokenizer.ggml.pre: the word pattern. */
  readonly preTokenizer: "llama-bpe" | "qwen2" | "qwen35";
  readonly projector: { readonly type: "resampler"; readonly number: number } | { readonly type: "minicpmv4_6" };
}

const QWEN3 = {
  architecture: "qwen3",
  preTokenizer: "qwen2",
  projector: { type: "resampler", number: 100045 },
} as const;

const FAMILIES: Readonly<Partial<Record<VersionId, GgufFamily>>> = {
  "2.5": { architecture: "llama", preTokenizer: "llama-bpe", projector: { type: "resampler", number: 2 } },
  "2.6": { architecture: "qwen2", preTokenizer: "qwen2", projector: { type: "resampler", number: 3 } },
  "o-2.6": { architecture: "qwen2", preTokenizer: "qwen2", projector: { type: "resampler", number: 4 } },
  "4.5": QWEN3,
  "o-4.5": QWEN3,
  "4.6": { architecture: "qwen35", preTokenizer: "qwen35", projector: { type: "minicpmv4_6" } },
};

/** Throws ExportError for versions whose tokenizer is SentencePiece (1.0, 2.0, 4.0): only byte BPE is written. */
export function ggufFamily(version: VersionId): GgufFamily {
  const family = FAMILIES[version];
  if (family !== undefined) return family;
  throw new ExportError(
    `MiniCPM-V ${version} cannot be written as GGUF`,
    `Versions that can: ${Object.keys(FAMILIES).join(", ")}`,
  );
}
