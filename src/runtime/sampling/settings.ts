import { ArgumentError } from "../../base/errors.ts";

/** How the next token is chosen. Temperature 0 takes the most likely one. */
export interface SamplingSettings {
  readonly temperature: number;
  /** Most likely tokens kept; 0 keeps all. */
  readonly topK: number;
  /** Smallest set of tokens whose probabilities reach this; 1 keeps all. */
  readonly topP: number;
  /** Tokens less likely than this share of the most likely one are dropped; 0 keeps all. */
  readonly minP: number;
  /** Divides positive and multiplies negative logits of tokens that were generated already; 1 leaves them. */
  readonly repetitionPenalty: number;
  readonly maxNewTokens: number;
  /** The answer does not end before this many tokens. */
  readonly minNewTokens: number;
  readonly seed: number;
}

/** Greedy: what every comparison with the reference uses. */
export const GREEDY: SamplingSettings = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  maxNewTokens: 512,
  minNewTokens: 0,
  seed: 0,
};

interface Range {
  readonly least: number;
  readonly most: number;
  readonly isWhole: boolean;
}

const RANGES: Readonly<Record<keyof SamplingSettings, Range>> = {
  temperature: { least: 0, most: 100, isWhole: false },
  topK: { least: 0, most: 2 ** 31, isWhole: true },
  topP: { least: 0, most: 1, isWhole: false },
  minP: { least: 0, most: 1, isWhole: false },
  repetitionPenalty: { least: 1e-3, most: 1e3, isWhole: false },
  maxNewTokens: { least: 1, most: 2 ** 31, isWhole: true },
  minNewTokens: { least: 0, most: 2 ** 31, isWhole: true },
  seed: { least: 0, most: 2 ** 32 - 1, isWhole: true },
};

/** Defaults with what was given put over them. Throws ArgumentError for a value outside its range. */
export function samplingSettings(
  defaults: SamplingSettings,
  given: Readonly<Partial<Record<keyof SamplingSettings, number | undefined>>>,
): SamplingSettings {
  const merged: Record<keyof SamplingSettings, number> = { ...defaults };
  for (const name of Object.keys(RANGES) as (keyof SamplingSettings)[]) {
    const value = given[name];
    if (value === undefined) continue;
    const { least, most, isWhole } = RANGES[name];
    if (!(value >= least && value <= most) || (isWhole && !Number.isInteger(value))) {
      throw new ArgumentError(
        `${name} is ${value}.`,
        `Pass a ${isWhole ? "whole number" : "number"} from ${least} to ${most}.`,
      );
    }
    merged[name] = value;
  }
  return merged;
}
