/** A gain must be larger by more than rounding noise. */
const NOISE = 1 + 1e-9;
/** Times that the best fit's own quants are rounded again and solved for. */
const ROUNDS = 4;

/** How far around the plain range a fit looks for a better scale: quotients (maxQuant + from + step·i)/range. */
export interface ScaleSearch {
  readonly from: number;
  readonly step: number;
  readonly count: number;
}

/** x ≈ scale·q − min with q in 0…maxQuant; scale and min are not negative. */
export interface AffineFit {
  readonly scale: number;
  readonly min: number;
}

/**
 * Weighted least squares over (scale, min) for a run of values. For each trial quotient the quants are fixed, the best
 * scale and min follow in closed form, and so does their error: Sxx − scale·Sxq + min·Sx. No second pass is needed.
 */
export function fitAffine(
  values: Float32Array,
  weights: Float32Array,
  maxQuant: number,
  search: ScaleSearch,
): AffineFit {
  let low = 0; // min ≥ 0 means that the range always includes zero
  let high = values[0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (high <= low) return { scale: 0, min: -low };
  const trial: Trial = { fit: { scale: (high - low) / maxQuant, min: -low }, gain: 0 };
  // the plain range comes first, so that it wins ties
  for (let i = -1; i <= search.count; i++) {
    const stretch = i < 0 ? 0 : search.from + search.step * i;
    const scale = (high - low) / (maxQuant + stretch);
    consider(trial, sumsFor(values, weights, { scale, min: -low }, maxQuant));
  }
  for (let round = 0; round < ROUNDS; round++) {
    const before = trial.gain;
    consider(trial, sumsFor(values, weights, trial.fit, maxQuant));
    if (trial.gain === before) break;
  }
  return trial.fit;
}

/** The best fit so far and by how much it lowers the error from Sxx, which is the same for all. */
interface Trial {
  fit: AffineFit;
  gain: number;
}

function consider(trial: Trial, sums: Sums): void {
  const fit = solve(sums);
  const gain = fit.scale * sums.xq - fit.min * sums.x;
  if (gain > trial.gain * NOISE && fit.scale > 0) {
    trial.gain = gain;
    trial.fit = fit;
  }
}

/** Weighted sums over a run: of 1, q, q², x and x·q. */
interface Sums {
  readonly one: number;
  readonly q: number;
  readonly qq: number;
  readonly x: number;
  readonly xq: number;
}

function sumsFor(values: Float32Array, weights: Float32Array, { scale, min }: AffineFit, maxQuant: number): Sums {
  const inverse = 1 / scale;
  let one = 0;
  let q = 0;
  let qq = 0;
  let x = 0;
  let xq = 0;
  for (let i = 0; i < values.length; i++) {
    const quant = nearestQuant(values[i], inverse, min, maxQuant);
    const weighted = weights[i] * quant;
    one += weights[i];
    q += weighted;
    qq += weighted * quant;
    x += weights[i] * values[i];
    xq += weighted * values[i];
  }
  return { one, q, qq, x, xq };
}

/** Minimises Σ w (scale·q − min − x)²; a min below zero is held at zero. */
function solve({ one, q, qq, x, xq }: Sums): AffineFit {
  const determinant = one * qq - q * q;
  const min = determinant > 0 ? (q * xq - qq * x) / determinant : 0;
  if (determinant > 0 && min >= 0) return { scale: (one * xq - x * q) / determinant, min };
  return { scale: qq > 0 ? xq / qq : 0, min: 0 };
}

/** Σ w (scale·q − min − x)² with the nearest quants. */
export function affineError(
  values: Float32Array,
  weights: Float32Array,
  { scale, min }: AffineFit,
  maxQuant: number,
): number {
  const inverse = inverseOf(scale);
  let error = 0;
  for (let i = 0; i < values.length; i++) {
    const difference = scale * nearestQuant(values[i], inverse, min, maxQuant) - min - values[i];
    error += weights[i] * difference * difference;
  }
  return error;
}

/** 1/scale, and 0 for a scale of 0, whose quants are all 0. */
export function inverseOf(scale: number): number {
  return scale === 0 ? 0 : 1 / scale;
}

/** The q in 0…maxQuant whose q/inverse − min lies nearest to `value`. Branches: `Math.min` is slower by far here. */
export function nearestQuant(value: number, inverse: number, min: number, maxQuant: number): number {
  const quant = Math.floor((value + min) * inverse + 0.5);
  if (quant > maxQuant) return maxQuant;
  if (quant < 0) return 0;
  return quant;
}
