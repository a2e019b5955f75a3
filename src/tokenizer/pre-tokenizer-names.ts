import { TokenizerUnsupportedError } from "./errors.ts";
import { compilePattern } from "./pattern.ts";
import { GPT2_PATTERN, type PreTokenizer, preTokenizeInSequence, splitByPattern } from "./pre-tokenizer.ts";

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Llama 3: numbers in runs of up to three digits. */
const LLAMA3_PATTERN = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${SPACES}`;

/** Qwen2, Qwen2.5 and Qwen3: digits one by one. */
const QWEN2_PATTERN = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${SPACES}`;

/** Qwen3.5: marks belong to words, not to punctuation. */
export const QWEN35_PATTERN = `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${SPACES}`;

/** What the name of a pre-tokenizer in a GGUF file stands for. */
export interface WordPattern {
  readonly preTokenize: PreTokenizer;
  /** Text is brought to NFC first. The GGUF peers skip this; the reference does not. */
  readonly isComposed: boolean;
  readonly ignoresMerges: boolean;
  /** Adds the begin token where the file does not say. */
  readonly addsBos: boolean;
}

interface NamedPattern {
  readonly patterns: readonly string[];
  readonly isComposed?: true;
  readonly ignoresMerges?: true;
  readonly addsBos?: true;
}

const LLAMA3: NamedPattern = { patterns: [LLAMA3_PATTERN], ignoresMerges: true, addsBos: true };
const PATTERNS: Readonly<Record<string, NamedPattern>> = {
  "llama-bpe": LLAMA3,
  llama3: LLAMA3,
  "llama-v3": LLAMA3,
  qwen2: { patterns: [QWEN2_PATTERN], isComposed: true },
  qwen35: { patterns: [QWEN35_PATTERN], isComposed: true },
  "gpt-2": { patterns: [GPT2_PATTERN] },
  smollm: { patterns: ["\\p{N}", GPT2_PATTERN] },
};

/** The word pattern that a GGUF file names. Throws TokenizerUnsupportedError. */
export function wordPattern(name: string | undefined, place: string): WordPattern {
  const found = name !== undefined && Object.hasOwn(PATTERNS, name) ? PATTERNS[name] : undefined;
  if (found === undefined) {
    throw new TokenizerUnsupportedError(place, `pre-tokenizer ${JSON.stringify(name)}`, Object.keys(PATTERNS));
  }
  return {
    preTokenize: preTokenizeInSequence(found.patterns.map((pattern) => splitByPattern(compilePattern(pattern, place)))),
    isComposed: found.isComposed ?? false,
    ignoresMerges: found.ignoresMerges ?? false,
    addsBos: found.addsBos ?? false,
  };
}
