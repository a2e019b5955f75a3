import { type Random, seededRandom } from "../../base/random.ts";
import { candidates, draw, penaliseRepetition } from "./chain.ts";
import { argMax, logSumExp, type TokenLogProbability, topLogProbabilities } from "./logits.ts";
import type { SamplingSettings } from "./settings.ts";

/** Restricts what may come next, token by token: JSON schemas. */
export interface Constraint {
  /** Bits of the tokens that may come next: bit id % 32 of word id / 32. */
  mask(): Uint32Array;
  accept(id: number): void;
}

/** A chosen token. Probabilities are the model's own, before penalties, masks and temperature. */
export interface SampledToken extends TokenLogProbability {
  /** The most likely tokens, where they were asked for. */
  readonly top: readonly TokenLogProbability[];
}

export interface SamplerOptions {
  readonly settings: SamplingSettings;
  /** Tokens that end the answer. */
  readonly stopIds: ReadonlySet<number>;
  readonly constraint?: Constraint | undefined;
  /** How many of the most likely tokens to report. */
  readonly topCount?: number | undefined;
}

/** Chooses the tokens of one answer and remembers what it chose. */
export class Sampler {
  readonly generated: number[] = [];
  readonly #options: SamplerOptions;
  readonly #random: Random;

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#random = seededRandom(options.settings.seed);
  }

  /** Chooses from logits, which it changes. Throws NotFiniteError. */
  next(logits: Float32Array): SampledToken {
    const { settings, topCount = 0 } = this.#options;
    const total = logSumExp(logits);
    const top = topCount > 0 ? topLogProbabilities(logits, topCount) : [];
    const own = settings.repetitionPenalty === 1 ? undefined : logits.slice();
    const id = this.#choose(logits, settings);
    const logit = own === undefined ? logits[id] : own[id];
    this.generated.push(id);
    if (!this.#options.stopIds.has(id)) this.#options.constraint?.accept(id);
    return { id, logProbability: logit - total, top };
  }

  #choose(logits: Float32Array, settings: SamplingSettings): number {
    penaliseRepetition(logits, this.generated, settings.repetitionPenalty);
    if (this.generated.length < settings.minNewTokens) {
      for (const id of this.#options.stopIds) logits[id] = Number.NEGATIVE_INFINITY;
    }
    if (this.#options.constraint !== undefined) applyMask(logits, this.#options.constraint.mask());
    if (settings.temperature === 0) return argMax(logits);
    return draw(candidates(logits, settings), this.#random);
  }
}

/** Forbids tokens whose bit is not set, and logits beyond the vocabulary (padding of the head). */
export function applyMask(logits: Float32Array, mask: Uint32Array): void {
  for (let id = 0; id < logits.length; id++) {
    if ((((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 0) logits[id] = Number.NEGATIVE_INFINITY;
  }
}
