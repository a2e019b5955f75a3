import type { SamplePlane } from "./idct.ts";
import type { JpegComponent, JpegFrame } from "./jpeg-frame.ts";

/** Writes one full-resolution row of a component; `out` may be longer than the picture is wide. */
export type RowSource = (y: number, out: Uint8Array) => void;

/**
 * Row source of a component. Factors of two are interpolated with the triangle filter that libjpeg calls "fancy
 * upsampling" (weights 3:1, ordered rounding); all others repeat samples, as libjpeg does.
 */
export function rowSource(frame: JpegFrame, component: JpegComponent, plane: SamplePlane): RowSource {
  const across = frame.maxHorizontal / component.horizontal;
  const down = frame.maxVertical / component.vertical;
  const isWide = component.width > 2; // libjpeg repeats samples in narrower components
  if (across === 2 && down === 1 && isWide) return triangleAcross(component, plane);
  if (across === 1 && down === 2) return triangleDown(component, plane);
  if (across === 2 && down === 2 && isWide) return triangleBoth(component, plane);
  return repeated(component, plane, across, down);
}

function repeated(component: JpegComponent, plane: SamplePlane, across: number, down: number): RowSource {
  return (y, out) => {
    const from = Math.floor(y / down) * plane.stride;
    if (across === 1) {
      out.set(plane.data.subarray(from, from + component.width));
      return;
    }
    for (let x = 0; x < component.width; x++) {
      const value = plane.data[from + x];
      for (let i = x * across; i < (x + 1) * across; i++) out[i] = value;
    }
  };
}

function triangleAcross({ width }: JpegComponent, { data, stride }: SamplePlane): RowSource {
  return (y, out) => {
    const from = y * stride;
    const last = width - 1;
    for (let x = 0; x < width; x++) {
      const value = data[from + x];
      out[x * 2] = x === 0 ? value : (value * 3 + data[from + x - 1] + 1) >> 2;
      out[x * 2 + 1] = x === last ? value : (value * 3 + data[from + x + 1] + 2) >> 2;
    }
  };
}

function triangleDown(component: JpegComponent, { data, stride }: SamplePlane): RowSource {
  return (y, out) => {
    const near = (y >> 1) * stride;
    const far = farRow(component, y) * stride;
    const bias = 1 + (y & 1);
    for (let x = 0; x < component.width; x++) out[x] = (data[near + x] * 3 + data[far + x] + bias) >> 2;
  };
}

function triangleBoth(component: JpegComponent, { data, stride }: SamplePlane): RowSource {
  const last = component.width - 1;
  return (y, out) => {
    const near = (y >> 1) * stride;
    const far = farRow(component, y) * stride;
    let current = data[near] * 3 + data[far];
    let previous = current;
    for (let x = 0; x <= last; x++) {
      const next = x === last ? current : data[near + x + 1] * 3 + data[far + x + 1];
      out[x * 2] = (current * 3 + previous + 8) >> 4;
      out[x * 2 + 1] = (current * 3 + next + 7) >> 4;
      previous = current;
      current = next;
    }
  };
}

// the nearer of the two neighbouring sample rows, repeated at the picture's edges
function farRow(component: JpegComponent, y: number): number {
  const row = (y >> 1) + ((y & 1) === 0 ? -1 : 1);
  return Math.min(Math.max(row, 0), component.height - 1);
}
