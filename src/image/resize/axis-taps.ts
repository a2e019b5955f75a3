/** Source pixels and weights of every output position along one axis. */
export interface AxisTaps {
  /** First source index per output. */
  readonly start: Int32Array;
  /** Number of source pixels per output. */
  readonly count: Int32Array;
  /** Distance between the weights of neighbouring outputs. */
  readonly stride: number;
  /** Normalised weights [outputs, stride]; unused places are 0. */
  readonly weights: Float64Array;
}

const CUBIC_A = -0.5; // Catmull-Rom, in Pillow and in torch's antialiased path
const SUPPORT = 2;

/** Antialiased bicubic weights: the kernel widens with the reduction. The order of operations is Pillow's, to the last bit. */
export function bicubicTaps(inSize: number, outSize: number): AxisTaps {
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  const inverse = 1 / filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(outSize);
  const count = new Int32Array(outSize);
  const weights = new Float64Array(outSize * stride);
  for (let x = 0; x < outSize; x++) {
    const centre = (x + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(inSize, Math.trunc(centre + support + 0.5));
    const at = x * stride;
    let sum = 0;
    for (let k = 0; k < high - low; k++) {
      const weight = cubic((k + low - centre + 0.5) * inverse);
      weights[at + k] = weight;
      sum += weight;
    }
    if (sum !== 0) for (let k = 0; k < high - low; k++) weights[at + k] /= sum;
    start[x] = low;
    count[x] = high - low;
  }
  return { start, count, stride, weights };
}

function cubic(offset: number): number {
  const u = Math.abs(offset);
  if (u < 1) return ((CUBIC_A + 2) * u - (CUBIC_A + 3)) * u * u + 1;
  if (u < SUPPORT) return (((u - 5) * u + 8) * u - 4) * CUBIC_A;
  return 0;
}
