import { blockFormat, type GgmlType } from "../weights/quant/formats.ts";
import type { EncodableType } from "./encode/quantise.ts";

/** What a preset needs to know of a tensor. */
export interface TensorSummary {
  readonly name: string;
  readonly type: GgmlType;
  /** Outermost first. */
  readonly shape: readonly number[];
}

/** Place of a tensor in the network, as far as mixtures tell places apart. */
type Role = "output" | "embedding" | "value" | "down" | "other";

/** Which of its kind a tensor is: `index` of `count`, in file order. */
interface Rank {
  readonly index: number;
  readonly count: number;
}

type Rule = EncodableType | ((rank: Rank) => EncodableType);

/** What a preset makes of each role. */
interface Preset {
  readonly fileType: number;
  readonly base: EncodableType;
  readonly rules: Partial<Record<Role, Rule>>;
}

/** Layers at both ends and every third between hold what hurts most when rounded. Rule of llama.cpp. */
function moreBits({ index, count }: Rank): boolean {
  const eighth = Math.floor(count / 8);
  return index < eighth || index >= Math.floor((7 * count) / 8) || (index - eighth) % 3 === 2;
}

const q6IfMore =
  (otherwise: EncodableType): Rule =>
  (rank) =>
    moreBits(rank) ? "Q6_K" : otherwise;

/** The presets by the names that published files carry; `fileType` is general.file_type. */
const PRESETS = {
  F16: { fileType: 1, base: "F16", rules: {} },
  BF16: { fileType: 32, base: "BF16", rules: {} },
  Q8_0: { fileType: 7, base: "Q8_0", rules: {} },
  Q4_0: { fileType: 2, base: "Q4_0", rules: { output: "Q6_K" } },
  Q6_K: { fileType: 18, base: "Q6_K", rules: {} },
  Q4_K_S: {
    fileType: 14,
    base: "Q4_K",
    rules: {
      output: "Q6_K",
      value: ({ index }) => (index < 4 ? "Q5_K" : "Q4_K"),
      down: ({ index, count }) => (index < Math.floor(count / 8) ? "Q5_K" : "Q4_K"),
    },
  },
  Q4_K_M: {
    fileType: 15,
    base: "Q4_K",
    rules: { output: "Q6_K", value: q6IfMore("Q4_K"), down: q6IfMore("Q4_K") },
  },
  Q5_K_M: {
    fileType: 17,
    base: "Q5_K",
    rules: { output: "Q6_K", value: q6IfMore("Q5_K"), down: q6IfMore("Q5_K") },
  },
} as const satisfies Record<string, Preset>;

/** Name of a mixture of types for a whole file. */
export type QuantisePreset = keyof typeof PRESETS;

/** All presets, smallest changes first. */
export const QUANTISE_PRESETS = Object.keys(PRESETS) as readonly QuantisePreset[];

/** True when `text` names a preset. */
export function isQuantisePreset(text: string): text is QuantisePreset {
  return Object.hasOwn(PRESETS, text);
}

/** The general.file_type code of a preset. */
export function fileTypeOf(preset: QuantisePreset): number {
  return PRESETS[preset].fileType;
}

/** Names of both worlds, GGUF's and Hugging Face's; the first that matches counts. */
const ROLES: readonly (readonly [pattern: RegExp, role: Role])[] = [
  [/^output\.weight$|lm_head\.weight$/, "output"],
  [/token_embd\.weight$|embed_tokens\.weight$/, "embedding"],
  // a fused projection holds the values too; 4.6 has both kinds, counted together
  [/attn_v\.weight$|v_proj\.weight$|attn_qkv\.weight$|in_proj_qkv\.weight$|attn\.qkv\.weight$/, "value"],
  [/ffn_(down|up)\.weight$|down_proj\.weight$|mlp\.fc[12]\.weight$/, "down"],
];

/** Weights that stay as they are: norms, positions, convolutions, and the small recurrence parameters. */
const KEPT = /norm|ln_|\bln\d|position|pos_embed|token_types|conv1d|patch_emb/;

/** Next best type when rows are no multiple of 256, and none when they are no multiple of 32. */
const FALLBACK: Partial<Record<EncodableType, EncodableType>> = { Q4_K: "Q5_0", Q5_K: "Q5_1", Q6_K: "Q8_0" };

/** The type each tensor gets, in the order given. Tensors that a mixture does not touch keep theirs. */
export function chooseTypes(preset: QuantisePreset, tensors: readonly TensorSummary[]): GgmlType[] {
  const { base, rules }: Preset = PRESETS[preset];
  const roles = tensors.map(roleOf);
  const isTied = !roles.includes("output");
  const ranks = ranksOf(tensors, roles);
  return tensors.map((tensor, i) => {
    if (!isQuantisable(tensor)) return tensor.type;
    const role = isTied && roles[i] === "embedding" ? "output" : roles[i];
    const rule = rules[role] ?? base;
    return fitting(typeof rule === "function" ? rule(ranks[i]) : rule, tensor.shape.at(-1) ?? 0);
  });
}

/** True for weights with two or more dimensions that are no norm, position table or convolution. */
function isQuantisable({ name, shape }: TensorSummary): boolean {
  return name.endsWith("weight") && shape.length >= 2 && !KEPT.test(name);
}

function roleOf({ name, shape }: TensorSummary): Role {
  const role = ROLES.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
  // Older vision files call fc1 "ffn_down" and fc2 "ffn_up": the one that narrows is the down projection.
  const isNarrowing = (shape.at(-1) ?? 0) > (shape.at(-2) ?? 0);
  return role === "down" && !isNarrowing ? "other" : role;
}

/** Counts tensors of a role, the vision tower's apart from the language model's. */
function ranksOf(tensors: readonly TensorSummary[], roles: readonly Role[]): Rank[] {
  const seen = new Map<string, number>();
  const groups = tensors.map(({ name }, i) => `${/^v\.|^vpm\.|vision/.test(name) ? "vision" : "text"} ${roles[i]}`);
  const indices = groups.map((group) => {
    const index = seen.get(group) ?? 0;
    seen.set(group, index + 1);
    return index;
  });
  return groups.map((group, i) => ({ index: indices[i], count: seen.get(group) ?? 0 }));
}

function fitting(type: EncodableType, rowLength: number): EncodableType {
  if (rowLength % blockFormat(type).elements === 0) return type;
  const next = FALLBACK[type];
  return next === undefined ? "F16" : fitting(next, rowLength);
}
