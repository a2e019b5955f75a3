import type { StageSchedule } from "../recipe/recipe.ts";

/** Learning rate as a share of its maximum; `progress` is the share of the stage's samples that were drawn, 0 to 1. */
export function stageRate(schedule: StageSchedule, progress: number): number {
  const { warmupShare } = schedule;
  const warm = warmupShare === 0 ? 1 : Math.min(1, progress / warmupShare);
  switch (schedule.kind) {
    case "constant":
      return warm;
    case "cosine": {
      const { floor } = schedule;
      const done = Math.min(1, Math.max(0, progress - warmupShare) / Math.max(1e-9, 1 - warmupShare));
      return warm * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * done)));
    }
    case "wsd": {
      // linear decay over the last part (arXiv 2404.06395 §4: a tenth of the tokens is enough)
      const { floor, decayShare } = schedule;
      const left = decayShare === 0 ? 1 : Math.min(1, Math.max(0, 1 - progress) / decayShare);
      return warm * (floor + (1 - floor) * left);
    }
  }
}
