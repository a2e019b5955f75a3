/** Learning rate as a fraction of its maximum, by progress 0 … 1 through a stage and by steps since its start. */
export type Schedule = (at: { readonly progress: number; readonly step: number }) => number;

/**
 * Warm-up, stable, decay (MiniCPM, arXiv 2404.06395 §4). The decay is keyed to progress, which may be a share of steps or
 * of wall time, so that a run of fixed length needs no step count.
 */
export function warmupStableDecay({
  warmupSteps,
  decayShare,
  floor = 0,
}: {
  readonly warmupSteps: number;
  readonly decayShare: number;
  readonly floor?: number;
}): Schedule {
  return ({ progress, step }) => {
    const warm = Math.min(1, (step + 1) / warmupSteps);
    const left = Math.min(1, Math.max(0, 1 - progress) / decayShare);
    return warm * (floor + (1 - floor) * left);
  };
}

/** Half a cosine from 1 to `floor` after a linear warm-up. */
export function cosine({
  warmupSteps,
  floor = 0,
}: {
  readonly warmupSteps: number;
  readonly floor?: number;
}): Schedule {
  return ({ progress, step }) => {
    const warm = Math.min(1, (step + 1) / warmupSteps);
    return warm * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress))));
  };
}
