import { type TokenId, tokenId } from "../base/brand.ts";
import { TokenizerUnsupportedError } from "./errors.ts";
import type { JsonReader } from "./json-reader.ts";
import { inSequence, type Normalizer, prepend, replaceAll, SPACE_MARK, unicodeForm } from "./normalizer.ts";
import { compilePattern } from "./pattern.ts";
import {
  addPrefixSpace,
  GPT2_PATTERN,
  metaspace,
  type PreTokenizer,
  preTokenizeInSequence,
  splitByPattern,
} from "./pre-tokenizer.ts";
import type { TokenIds } from "./string-index.ts";
import { MAX_TOKEN_ID } from "./token-limits.ts";

const NORMALIZERS = ["NFC", "NFD", "NFKC", "NFKD", "Prepend", "Replace", "Sequence"];
const PRE_TOKENIZERS = ["ByteLevel", "Split", "Digits", "Metaspace", "Sequence"];
const POST_PROCESSORS = ["ByteLevel", "TemplateProcessing", "Sequence"];
const MAX_DEPTH = 16;

function unsupported(part: JsonReader, type: string, known: readonly string[]): never {
  throw new TokenizerUnsupportedError(part.place, JSON.stringify(type), known);
}

/** Flattens nested Sequence parts into one list. */
function flatten(part: JsonReader, listKey: string, depth = 0): JsonReader[] {
  if (part.isAbsent) return [];
  if (depth > MAX_DEPTH) return part.fail(`sequences are nested more than ${MAX_DEPTH} deep`);
  if (part.at("type").string() !== "Sequence") return [part];
  return part
    .at(listKey)
    .entries()
    .flatMap((inner) => flatten(inner, listKey, depth + 1));
}

/** The `normalizer` part. */
export function readNormalizer(part: JsonReader): Normalizer | undefined {
  const steps = flatten(part, "normalizers").map(readNormalizerStep);
  return steps.length === 0 ? undefined : inSequence(steps);
}

function readNormalizerStep(part: JsonReader): Normalizer {
  const type = part.at("type").string();
  switch (type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return unicodeForm(type);
    case "Prepend":
      return prepend(part.at("prepend").string());
    case "Replace":
      return replaceAll(literalPattern(part.at("pattern")), part.at("content").string());
    default:
      return unsupported(part, type, NORMALIZERS);
  }
}

function literalPattern(pattern: JsonReader): string {
  const literal = pattern.at("String").optionalString();
  if (literal === undefined || literal === "") return unsupported(pattern, "a pattern that is no literal", ["String"]);
  return literal;
}

/** The `pre_tokenizer` part. */
export function readPreTokenizer(part: JsonReader): { preTokenize: PreTokenizer | undefined; isByteLevel: boolean } {
  const flat = flatten(part, "pretokenizers");
  const steps = flat.flatMap(readPreTokenizerStep);
  return {
    preTokenize: steps.length === 0 ? undefined : preTokenizeInSequence(steps),
    isByteLevel: flat.some((step) => step.at("type").value === "ByteLevel"),
  };
}

function readPreTokenizerStep(part: JsonReader): PreTokenizer[] {
  const type = part.at("type").string();
  switch (type) {
    case "ByteLevel": {
      const steps: PreTokenizer[] = [];
      if (part.at("add_prefix_space").boolean(true)) steps.push(addPrefixSpace);
      if (part.at("use_regex").boolean(true)) steps.push(splitByPattern(compilePattern(GPT2_PATTERN, part.place)));
      return steps;
    }
    case "Split":
      return [readSplit(part)];
    case "Digits":
      return [splitByPattern(part.at("individual_digits").boolean(false) ? /\p{N}/gu : /\p{N}+/gu)];
    case "Metaspace":
      return [readMetaspace(part)];
    default:
      return unsupported(part, type, PRE_TOKENIZERS);
  }
}

function readSplit(part: JsonReader): PreTokenizer {
  const behavior = part.at("behavior").string();
  if (behavior !== "Isolated" || part.at("invert").boolean(false)) {
    return unsupported(part.at("behavior"), behavior, ["Isolated, not inverted"]);
  }
  const pattern = part.at("pattern");
  const regex = pattern.at("Regex").optionalString();
  if (regex !== undefined) return splitByPattern(compilePattern(regex, pattern.place));
  const literal = literalPattern(pattern).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return splitByPattern(new RegExp(literal, "gu"));
}

function readMetaspace(part: JsonReader): PreTokenizer {
  const scheme = part.at("prepend_scheme").optionalString();
  const legacyScheme = part.at("add_prefix_space").boolean(true) ? "always" : "never";
  const prependScheme = scheme ?? legacyScheme;
  if (prependScheme !== "always" && prependScheme !== "first" && prependScheme !== "never") {
    return unsupported(part.at("prepend_scheme"), prependScheme, ["always", "first", "never"]);
  }
  return metaspace({
    mark: part.at("replacement").optionalString() ?? SPACE_MARK,
    prependScheme,
    split: part.at("split").boolean(true),
  });
}

/** The `decoder` part: whether tokens are spelt in the byte alphabet, and whether the first space is dropped. */
export function readDecoder(
  part: JsonReader,
  isByteLevelWithoutDecoder: boolean,
): { isByteLevel: boolean; stripsLeadingSpace: boolean } {
  const steps = flatten(part, "decoders");
  if (steps.length === 0) return { isByteLevel: isByteLevelWithoutDecoder, stripsLeadingSpace: false };
  return {
    isByteLevel: steps.some((step) => step.at("type").value === "ByteLevel"),
    stripsLeadingSpace: steps.some(
      (step) =>
        (step.at("type").value === "Strip" && step.at("content").value === " " && step.at("start").value === 1) ||
        (step.at("type").value === "Metaspace" && step.at("prepend_scheme").value !== "never"),
    ),
  };
}

export interface Affixes {
  readonly prefix: readonly TokenId[];
  readonly suffix: readonly TokenId[];
  readonly bosId: TokenId | undefined;
  readonly eosId: TokenId | undefined;
}

/** What the post-processor puts around a text, and the begin and end tokens that the config names. */
export function readPostProcessor(part: JsonReader, config: JsonReader, ids: TokenIds): Affixes {
  const bosId = namedToken(config.at("bos_token"), ids);
  const eosId = namedToken(config.at("eos_token"), ids);
  const affixes = { prefix: [] as TokenId[], suffix: [] as TokenId[] };
  for (const step of flatten(part, "processors")) {
    const type = step.at("type").string();
    if (type === "TemplateProcessing") readTemplate(step, affixes);
    else if (type !== "ByteLevel") return unsupported(step, type, POST_PROCESSORS);
  }
  // The Llama classes rebuild the template from these two switches and ignore the one in the file.
  const isLlamaClass = (config.at("tokenizer_class").optionalString() ?? "").startsWith("Llama");
  const addsBos = config.at("add_bos_token");
  if (isLlamaClass && !addsBos.isAbsent) {
    affixes.prefix = addsBos.boolean(false) && bosId !== undefined ? [bosId] : [];
  }
  return { ...affixes, bosId, eosId };
}

function readTemplate(step: JsonReader, affixes: { prefix: TokenId[]; suffix: TokenId[] }): void {
  let isBefore = true;
  for (const item of step.at("single").entries()) {
    const special = item.at("SpecialToken");
    if (special.isAbsent) {
      isBefore = false;
      continue;
    }
    const known = step.at("special_tokens").at(special.at("id").string());
    const tokens = known.at("ids").entries();
    (isBefore ? affixes.prefix : affixes.suffix).push(...tokens.map((entry) => tokenId(entry.index(MAX_TOKEN_ID))));
  }
}

/** `bos_token` is a string, or an object with `content`. */
function namedToken(entry: JsonReader, ids: TokenIds): TokenId | undefined {
  if (entry.isAbsent) return undefined;
  const content = typeof entry.value === "string" ? entry.value : entry.at("content").string();
  return ids.get(content);
}
