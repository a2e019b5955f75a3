import type { JpegComponent } from "./jpeg-frame.ts";

// Constants of the 8-point transform of Loeffler, Ligtenberg and Moschytz (1989), times 2^13. The order of the
// integer steps and both roundings are those of the "slow integer" transform that libjpeg-turbo uses by default,
// so that samples come out equal to the last bit.
const C0_298 = 2446;
const C0_390 = 3196;
const C0_541 = 4433;
const C0_765 = 6270;
const C0_899 = 7373;
const C1_175 = 9633;
const C1_501 = 12299;
const C1_847 = 15137;
const C1_961 = 16069;
const C2_053 = 16819;
const C2_562 = 20995;
const C3_072 = 25172;
const CONSTANT_BITS = 13;
const FIRST_PASS_BITS = 2;

/** Samples of a component: [blockRows · 8, blockColumns · 8], of which the last ones may be padding. */
export interface SamplePlane {
  readonly data: Uint8ClampedArray;
  readonly stride: number;
}

/** Dequantises and transforms all blocks of a component. */
export function inverseTransform(component: JpegComponent, quant: Uint16Array): SamplePlane {
  const { blockColumns, blockRows, blockStride, coefficients } = component;
  const stride = blockColumns * 8;
  const data = new Uint8ClampedArray(stride * blockRows * 8);
  const work = new Int32Array(64);
  for (let row = 0; row < blockRows; row++) {
    for (let column = 0; column < blockColumns; column++) {
      const at = (row * blockStride + column) * 64;
      transformBlock(coefficients, at, quant, work, data, row * 8 * stride + column * 8, stride);
    }
  }
  return { data, stride };
}

function transformBlock(
  coefficients: Int16Array,
  at: number,
  quant: Uint16Array,
  work: Int32Array,
  out: Uint8ClampedArray,
  outAt: number,
  stride: number,
): void {
  for (let column = 0; column < 8; column++) {
    if (isFlat(coefficients, at + column)) {
      const level = (coefficients[at + column] * quant[column]) << FIRST_PASS_BITS;
      for (let i = column; i < 64; i += 8) work[i] = level;
      continue;
    }
    for (let i = column; i < 64; i += 8) work[i] = coefficients[at + i] * quant[i];
    transformLine(work, column, 8, CONSTANT_BITS - FIRST_PASS_BITS);
  }
  for (let row = 0; row < 8; row++) {
    transformLine(work, row * 8, 1, CONSTANT_BITS + FIRST_PASS_BITS + 3);
    const to = outAt + row * stride;
    for (let i = 0; i < 8; i++) out[to + i] = work[row * 8 + i] + 128;
  }
}

function isFlat(coefficients: Int16Array, at: number): boolean {
  return (
    (coefficients[at + 8] |
      coefficients[at + 16] |
      coefficients[at + 24] |
      coefficients[at + 32] |
      coefficients[at + 40] |
      coefficients[at + 48] |
      coefficients[at + 56]) ===
    0
  );
}

/** One 8-point transform in place over work[at], work[at + step], …; results are rounded off by `shift` bits. */
function transformLine(work: Int32Array, at: number, step: number, shift: number): void {
  const i4 = at + step * 4;
  const half = 1 << (shift - 1);
  // even part
  const evenSum = Math.imul(work[at + step * 2] + work[at + step * 6], C0_541);
  const even2 = evenSum - Math.imul(work[at + step * 6], C1_847);
  const even3 = evenSum + Math.imul(work[at + step * 2], C0_765);
  const even0 = ((work[at] + work[i4]) << CONSTANT_BITS) + half;
  const even1 = ((work[at] - work[i4]) << CONSTANT_BITS) + half;
  // odd part
  const x7 = work[at + step * 7];
  const x5 = work[i4 + step];
  const x3 = work[at + step * 3];
  const x1 = work[at + step];
  const z5 = Math.imul(x7 + x3 + x5 + x1, C1_175);
  const z1 = -Math.imul(x7 + x1, C0_899);
  const z2 = -Math.imul(x5 + x3, C2_562);
  const z3 = z5 - Math.imul(x7 + x3, C1_961);
  const z4 = z5 - Math.imul(x5 + x1, C0_390);
  const odd0 = Math.imul(x7, C0_298) + z1 + z3;
  const odd1 = Math.imul(x5, C2_053) + z2 + z4;
  const odd2 = Math.imul(x3, C3_072) + z2 + z3;
  const odd3 = Math.imul(x1, C1_501) + z1 + z4;
  work[at] = (even0 + even3 + odd3) >> shift;
  work[at + step * 7] = (even0 + even3 - odd3) >> shift;
  work[at + step] = (even1 + even2 + odd2) >> shift;
  work[at + step * 6] = (even1 + even2 - odd2) >> shift;
  work[at + step * 2] = (even1 - even2 + odd1) >> shift;
  work[i4 + step] = (even1 - even2 - odd1) >> shift;
  work[at + step * 3] = (even0 - even3 + odd0) >> shift;
  work[i4] = (even0 - even3 - odd0) >> shift;
}
