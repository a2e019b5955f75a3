/** Σ(a − b)² / Σ b²; NaN anywhere gives NaN. */
export function normalisedError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let error = actual.length === expected.length ? 0 : Number.NaN;
  let energy = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    energy += expected[i] ** 2;
  }
  return energy === 0 ? error : error / energy;
}
