import { POCKET } from "./pocket-model.ts";

const PATCH = "vpm.embeddings.patch_embedding";
const POSITIONS = "vpm.embeddings.position_embedding.weight";
/** Size of a start position beside a patch embedding of about 1. */
const POSITION_SCALE = 0.5;

/**
 * Two starts that save a tower without pre-training thousands of steps: white paper embeds to zero, so that ink is what
 * differs between patches, and the position table begins as a 2-D sine-cosine table, so that neighbours look alike.
 */
export function startTower(weights: Readonly<Record<string, Float32Array>>): void {
  const kernel = weights[`${PATCH}.weight`];
  const bias = weights[`${PATCH}.bias`];
  const values = kernel.length / bias.length;
  for (let o = 0; o < bias.length; o++) {
    let white = 0;
    for (let i = 0; i < values; i++) white += kernel[o * values + i];
    bias[o] = -white;
  }
  const { tableSide, width } = POCKET.vision;
  const quarter = width / 4;
  const table = weights[POSITIONS];
  for (let row = 0; row < tableSide; row++) {
    for (let column = 0; column < tableSide; column++) {
      const at = (row * tableSide + column) * width;
      for (let i = 0; i < quarter; i++) {
        // periods from about 3 to 280 buckets: a patch is one to twelve of them wide
        const omega = 2 * (1 / 90) ** (i / (quarter - 1));
        table[at + i] = POSITION_SCALE * Math.sin(column * omega);
        table[at + quarter + i] = POSITION_SCALE * Math.cos(column * omega);
        table[at + 2 * quarter + i] = POSITION_SCALE * Math.sin(row * omega);
        table[at + 3 * quarter + i] = POSITION_SCALE * Math.cos(row * omega);
      }
    }
  }
}
