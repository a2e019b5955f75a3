import type { PatchGrid } from "../../image/patchify.ts";

/** Which bicubic a table is resized by. */
export interface TableResize {
  /** The kernel's parameter: −0.5 with antialiasing in torch, −0.75 without. */
  readonly cubic: number;
  /** Widens the kernel where the table is made smaller. */
  readonly antialias: boolean;
}

/** timm's resample_abs_pos_embed: bicubic with antialias (V-1.0, V-2.0). */
export const TIMM_RESIZE: TableResize = { cubic: -0.5, antialias: true };
/** torch's interpolate(mode="bicubic"), which the resampler of V-1.0 calls. */
export const RESAMPLER_RESIZE: TableResize = { cubic: -0.75, antialias: false };

/**
 * How much of each row of a side×side table every patch of a grid takes when the table is resized to the grid:
 * [rows · columns, side²]. Both axes apart, corners not aligned, edges repeated.
 */
export function resizeShares(side: number, grid: PatchGrid, resize: TableResize): Float32Array<ArrayBuffer> {
  const down = axisShares(side, grid.rows, resize);
  const across = axisShares(side, grid.columns, resize);
  const shares = new Float32Array(grid.rows * grid.columns * side * side);
  let at = 0;
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      for (let y = 0; y < side; y++) {
        const share = down[row * side + y];
        for (let x = 0; x < side; x++) shares[at + x] = share * across[column * side + x];
        at += side;
      }
    }
  }
  return shares;
}

/** [count, side] shares of one axis. */
function axisShares(side: number, count: number, { cubic, antialias }: TableResize): Float64Array {
  const shares = new Float64Array(count * side);
  const scale = side / count;
  const stretch = antialias ? Math.max(scale, 1) : 1;
  for (let out = 0; out < count; out++) {
    const centre = (out + 0.5) * scale - 0.5;
    const reach = 2 * stretch;
    let total = 0;
    for (let t = Math.ceil(centre - reach); t <= Math.floor(centre + reach); t++) {
      // antialiasing leaves out what lies beyond the edge; plain interpolation repeats the edge
      if (antialias && (t < 0 || t >= side)) continue;
      const share = cubicKernel((t - centre) / stretch, cubic);
      shares[out * side + Math.min(side - 1, Math.max(0, t))] += share;
      total += share;
    }
    for (let t = 0; t < side; t++) shares[out * side + t] /= total;
  }
  return shares;
}

/** Keys' cubic convolution kernel with parameter a (IEEE ASSP 29(6), 1981). */
function cubicKernel(x: number, a: number): number {
  const d = Math.abs(x);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}
