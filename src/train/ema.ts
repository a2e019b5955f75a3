import type { Parameter } from "./adamw.ts";

/** Exponential moving average of the weights under training: what is evaluated and shipped where it reads better. */
export class WeightAverage {
  readonly values: Readonly<Record<string, Float32Array<ArrayBuffer>>>;
  readonly #decay: number;

  /** Starts at the weights as they are, or goes on from a saved average. */
  constructor(
    parameters: readonly Parameter[],
    { decay, saved = {} }: { readonly decay: number; readonly saved?: Readonly<Record<string, Float32Array>> },
  ) {
    this.#decay = decay;
    this.values = Object.fromEntries(
      parameters.map(({ name, values }) => [name, Float32Array.from(saved[name] ?? values)]),
    );
  }

  /**
   * After an optimiser step that counts from 1: average ← d · average + (1 − d) · weights, with d = min(decay, step / (step + 9))
   * so that the first steps do not hold on to the start.
   */
  update(parameters: readonly Parameter[], step: number): void {
    const keep = Math.min(this.#decay, step / (step + 9));
    for (const { name, values } of parameters) {
      const average = this.values[name];
      for (let i = 0; i < average.length; i++) average[i] = keep * average[i] + (1 - keep) * values[i];
    }
  }
}
