import { numberToBfloat16, numberToFloat16 } from "../../base/float16.ts";
import { invariant } from "../../base/invariant.ts";
import type { StorageType } from "../../tensor/dtype.ts";
import { STORAGE_BLOCKS } from "../../tensor/dtype.ts";
import { packF32Rows } from "./kernels/gemm-f32.ts";
import { packHalfRows } from "./kernels/gemm-float.ts";
import { packTowerRows } from "./kernels/gemm-tower.ts";
import { PANEL_FORMATS, packQuantisedRows } from "./kernels/weight-panel.ts";
import type { WeightLayout } from "./weight-layout.ts";
import { isSubstituted } from "./weight-layout.ts";
import { substituteRows } from "./weight-substitutes.ts";

/** Decodes stored elements, into an array of that length where one is given; the caller's, since formats belong to a higher layer. */
export type DecodeStored = (
  type: StorageType,
  bytes: Uint8Array,
  elementCount: number,
  options?: { readonly into: Float32Array<ArrayBuffer> },
) => Float32Array;

/** Some consecutive rows of a weight as they lie in the file. */
export interface StoredRows {
  readonly type: StorageType;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** First row of the chunk. */
  readonly begin: number;
  readonly rowLength: number;
  /** Rows of the whole weight. */
  readonly rowCount: number;
}

/** Bytes of `rows` stored rows. */
export function storedBytes(type: StorageType, rowLength: number, rows: number): number {
  const { elements, bytes } = STORAGE_BLOCKS[type];
  return (rowLength / elements) * bytes * rows;
}

/** Writes a chunk into the memory of a form, which was zero. `isTransposed`: columns of the file become rows of panels. */
export function writeStored(
  target: Uint8Array<ArrayBufferLike>,
  stored: StoredRows,
  {
    layout,
    isTransposed,
    decode,
  }: {
    readonly layout: WeightLayout;
    readonly isTransposed: boolean;
    readonly decode: DecodeStored;
  },
): void {
  const { type, bytes, begin, rowLength: k } = stored;
  const format = layout.kind === "rows" ? layout.element : layout.format;
  const values = (): Float32Array => decode(type, bytes, (bytes.length * k) / storedBytes(type, k, 1));
  if (format === "F32") {
    writeFloats(target, values(), { layout, isTransposed, stored });
    return;
  }
  if (format === "F16" || format === "BF16") {
    const halves = type === format ? asHalves(bytes) : toHalves(values(), format);
    const to = new Uint16Array(target.buffer, target.byteOffset, target.byteLength / 2);
    if (layout.kind === "rows") to.set(halves, begin * k);
    else if (isTransposed) packTransposed(to, halves, stored);
    else packHalfRows(to, halves, begin, k);
    return;
  }
  invariant(!isTransposed, `transposed weights have no panels of ${format}`);
  if (format === "I8x128") packTowerRows(target, values(), { rowBegin: begin, k });
  else {
    const rows = isSubstituted(type) ? substituteRows(type, bytes, values()) : bytes;
    packQuantisedRows(PANEL_FORMATS[format], target, rows, { rowBegin: begin, k });
  }
}

/** Writes decoded rows into a float32 form. */
export function writeFloats(
  target: Uint8Array<ArrayBufferLike>,
  rows: Float32Array,
  {
    layout,
    isTransposed,
    stored,
  }: {
    readonly layout: WeightLayout;
    readonly isTransposed: boolean;
    readonly stored: Pick<StoredRows, "begin" | "rowCount" | "rowLength">;
  },
): void {
  const to = new Float32Array(target.buffer, target.byteOffset, target.byteLength / 4);
  if (layout.kind === "rows") to.set(rows, stored.begin * stored.rowLength);
  else if (isTransposed) packTransposed(to, rows, stored);
  else packF32Rows(to, rows, stored.begin, stored.rowLength);
}

function asHalves(bytes: Uint8Array<ArrayBuffer>): Uint16Array {
  const isAligned = bytes.byteOffset % 2 === 0;
  const { buffer, byteOffset, byteLength } = isAligned ? bytes : bytes.slice();
  return new Uint16Array(buffer, byteOffset, byteLength / 2);
}

const LARGEST_HALF = 65504;

function toHalves(values: Float32Array, format: "F16" | "BF16"): Uint16Array {
  const round = format === "F16" ? saturatingHalf : numberToBfloat16;
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = round(values[i]);
  return halves;
}

function saturatingHalf(value: number): number {
  return numberToFloat16(Math.max(-LARGEST_HALF, Math.min(LARGEST_HALF, value)));
}

/** Rows of W [in, out] into the panels of Wᵀ: row k is one column of every panel. */
function packTransposed<T extends Float32Array | Uint16Array>(
  panels: T,
  rows: T,
  { begin, rowCount: into, rowLength: out }: Pick<StoredRows, "begin" | "rowCount" | "rowLength">,
): void {
  for (let r = 0; r * out < rows.length; r++) {
    const k = begin + r;
    for (let o = 0; o < out; o++) panels[((o >> 3) * into + k) * 8 + (o & 7)] = rows[r * out + o];
  }
}

/** Energy of decoded rows, and of what rounding them to 8 bit with a scale per 128 loses. */
export interface RepackLoss {
  lost: number;
  energy: number;
}

const REPACK_BLOCK = 128;
const REPACK_LEVELS = 127;

/** Adds the loss of a chunk of decoded rows of `rowLength`, as packTowerRows rounds them. */
export function addRepackLoss(loss: RepackLoss, rows: Float32Array, rowLength: number): void {
  for (let row = 0; row < rows.length; row += rowLength) {
    for (let block = row; block < row + rowLength; block += REPACK_BLOCK) {
      const end = Math.min(row + rowLength, block + REPACK_BLOCK);
      let top = 0;
      for (let i = block; i < end; i++) top = Math.max(top, Math.abs(rows[i]));
      const scale = top / REPACK_LEVELS;
      for (let i = block; i < end; i++) {
        const kept = scale === 0 ? 0 : Math.round(rows[i] / scale) * scale;
        loss.lost += (rows[i] - kept) ** 2;
        loss.energy += rows[i] ** 2;
      }
    }
  }
}
