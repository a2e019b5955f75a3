// Weights of every form as the kernels take them, with random values that are known, and the products they should give.
import type { CaseError } from "../../scripts/bench-lib.ts";
import { f32PanelLength, packF32Rows } from "../../src/backend/wasm/kernels/gemm-f32.ts";
import { packHalfRows } from "../../src/backend/wasm/kernels/gemm-float.ts";
import { packTowerRows, towerPanelBytes } from "../../src/backend/wasm/kernels/gemm-tower.ts";
import {
  PANEL_FORMATS,
  type PanelFormatName,
  packQuantisedRows,
  quantisedPanelBytes,
} from "../../src/backend/wasm/kernels/weight-panel.ts";
import { seededRandom } from "../../src/base/random.ts";
import { randomStored } from "../../src/tensor/testing/random-stored.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { compared, normals } from "./case-parts.ts";
import type { KernelTeam } from "./kernel-team.ts";

/** A weight [n, k] in the team's memory. */
export interface PlacedWeight {
  readonly address: number;
  readonly n: number;
  readonly k: number;
  /** What the stored bytes stand for, row-major. */
  readonly values: Float32Array;
}

const SEED = 7;

interface Size {
  readonly n: number;
  readonly k: number;
}

/** Random blocks of a format as panels, repeated until they fill `copies` times the weight. */
export function placePanels(team: KernelTeam, format: PanelFormatName, { n, k }: Size, copies = 1): PlacedWeight {
  const stored = randomStored(format, n * k, seededRandom(SEED));
  const panels = new Uint8Array(quantisedPanelBytes(PANEL_FORMATS[format], n, k));
  packQuantisedRows(PANEL_FORMATS[format], panels, stored, { rowBegin: 0, k });
  const address = team.reserve(panels.length * copies);
  for (let copy = 0; copy < copies; copy++) team.bytes(address + copy * panels.length, panels.length).set(panels);
  return { address, n, k, values: dequantise(format, stored, n * k) };
}

/** Normal values repacked to 8 bit as the vision towers are. */
export function placeTower(team: KernelTeam, { n, k }: Size): PlacedWeight {
  const values = normals(n * k, SEED);
  const panels = new Uint8Array(towerPanelBytes(n, k));
  packTowerRows(panels, values, { rowBegin: 0, k });
  return { address: team.place(panels), n, k, values };
}

/** Weights of the float path. */
export function placeFloats(team: KernelTeam, type: "F32" | "F16", { n, k }: Size): PlacedWeight {
  const stored = randomStored(type, n * k, seededRandom(SEED));
  const values = dequantise(type, stored, n * k);
  if (type === "F32") {
    const panels = new Float32Array(f32PanelLength(n, k));
    packF32Rows(panels, values, 0, k);
    return { address: team.place(panels), n, k, values };
  }
  const panels = new Uint16Array(Math.ceil(n / 8) * 8 * k);
  packHalfRows(panels, new Uint16Array(stored.buffer), 0, k);
  return { address: team.place(panels), n, k, values };
}

const CHECKED_ROWS = 4;

/** Error of the first rows of y [rows, n] = x Wᵀ: products and sums in float64, x and W before any rounding. */
export function productError(team: KernelTeam, y: number, x: Float32Array, { n, k, values }: PlacedWeight): CaseError {
  const rows = Math.min(CHECKED_ROWS, x.length / k);
  const expected = new Float64Array(rows * n);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < n; c++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += x[r * k + i] * values[c * k + i];
      expected[r * n + c] = sum;
    }
  }
  return compared(team.floats(y, rows * n), expected);
}
