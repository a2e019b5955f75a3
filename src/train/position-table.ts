import { resizeShares, TIMM_RESIZE } from "../model/vision/resize-shares.ts";

/**
 * A learned position table for a larger grid: stage 2 of the paper takes the encoder from 224 to 448 pixels, so that a table
 * of 16×16 places becomes one of 32×32. Bicubic, as timm resizes tables; rows [side², width].
 */
export function extendPositionTable(
  values: Float32Array,
  { from, to, width }: { readonly from: number; readonly to: number; readonly width: number },
): Float32Array<ArrayBuffer> {
  const shares = resizeShares(from, { rows: to, columns: to }, TIMM_RESIZE);
  const extended = new Float32Array(to * to * width);
  const places = from * from;
  for (let row = 0; row < to * to; row++) {
    for (let place = 0; place < places; place++) {
      const share = shares[row * places + place];
      if (share === 0) continue;
      for (let e = 0; e < width; e++) extended[row * width + e] += share * values[place * width + e];
    }
  }
  return extended;
}
