import { DisposedError, UnsupportedError } from "../../base/errors.ts";
import type { ResidentWeight, UploadOptions, WeightSource, WeightUse } from "../../tensor/backend.ts";
import type { StorageType } from "../../tensor/dtype.ts";
import { WeightBytesError } from "./errors.ts";
import type { Heap } from "./heap.ts";
import { f32PanelLength, packF32Rows } from "./kernels/gemm-f32.ts";

/** Decodes stored elements; given by the caller because formats belong to a higher layer. */
export type DecodeStored = (type: StorageType, bytes: Uint8Array, elementCount: number) => Float32Array;

/** One form of a weight in memory. */
export interface WeightForm {
  readonly layout: "panelsF32" | "rowsF32" | "rowsF16" | "rowsBF16";
  readonly address: number;
  readonly bytes: number;
}

/** A weight in WebAssembly memory, in a form for each use. */
export class WasmWeight implements ResidentWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly forms: ReadonlyMap<WeightUse, WeightForm>;
  readonly #heap: Heap;
  #isDisposed = false;

  constructor(source: WeightSource, forms: ReadonlyMap<WeightUse, WeightForm>, heap: Heap) {
    this.name = source.name;
    this.shape = source.shape;
    this.forms = forms;
    this.#heap = heap;
  }

  get residentBytes(): number {
    return [...new Set(this.forms.values())].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  replace(values: Float32Array): void {
    const { rowCount, rowLength } = matrixShape(this.shape);
    for (const [use, form] of this.forms) {
      if (form.layout === "rowsF16" || form.layout === "rowsBF16") {
        throw new UnsupportedError(`Weight "${this.name}" is kept in 16 bit.`, "Train from a float32 checkpoint.");
      }
      const target = new Float32Array(this.#heap.memory.buffer, form.address, form.bytes / 4);
      writeRows(target, values, { form, use, begin: 0, rowCount, rowLength });
    }
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError(`weight "${this.name}"`, "disposed again");
    this.#isDisposed = true;
    for (const { address, bytes } of new Set(this.forms.values())) this.#heap.free(address, bytes);
  }
}

/** Elements read from the file at once. */
const CHUNK_ELEMENTS = 1 << 20;

/** Reads a weight in bounded chunks into the forms that its uses need. On failure nothing stays allocated. */
export async function uploadWeight(
  source: WeightSource,
  options: UploadOptions,
  { heap, decode }: { readonly heap: Heap; readonly decode: DecodeStored },
): Promise<WasmWeight> {
  const forms = new Map<WeightUse, WeightForm>();
  const made: WeightForm[] = [];
  try {
    for (const use of options.uses) {
      const layout = layoutFor(use, source.type);
      const existing = made.find((form) => form.layout === layout && layout !== "panelsF32");
      const form = existing ?? (await uploadForm(source, { use, layout, heap, decode, signal: options.signal }, made));
      forms.set(use, form);
    }
  } catch (error) {
    for (const { address, bytes } of made) heap.free(address, bytes);
    throw error;
  }
  return new WasmWeight(source, forms, heap);
}

function layoutFor(use: WeightUse, type: StorageType): WeightForm["layout"] {
  if (use === "linear" || use === "transposed") return "panelsF32";
  if (use === "table" && type === "F16") return "rowsF16";
  if (use === "table" && type === "BF16") return "rowsBF16";
  return "rowsF32";
}

interface FormRequest {
  readonly use: WeightUse;
  readonly layout: WeightForm["layout"];
  readonly heap: Heap;
  readonly decode: DecodeStored;
  readonly signal: AbortSignal | undefined;
}

async function uploadForm(source: WeightSource, request: FormRequest, made: WeightForm[]): Promise<WeightForm> {
  const { use, layout, heap } = request;
  const { rowCount, rowLength } = matrixShape(source.shape);
  const [out, into] = use === "transposed" ? [rowLength, rowCount] : [rowCount, rowLength];
  const isHalf = layout === "rowsF16" || layout === "rowsBF16";
  const elements = layout === "panelsF32" ? f32PanelLength(out, into) : padTo8(rowCount * rowLength);
  const bytes = elements * (isHalf ? 2 : 4);
  const form: WeightForm = { layout, address: heap.allocate(bytes), bytes };
  made.push(form);
  new Uint8Array(heap.memory.buffer, form.address, bytes).fill(0);
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / rowLength));
  for (let begin = 0; begin < rowCount; begin += step) {
    request.signal?.throwIfAborted();
    const end = Math.min(rowCount, begin + step);
    const stored = await source.readRows(begin, end);
    if (isHalf) {
      copyHalves(source, { stored, form, heap, firstElement: begin * rowLength, elements: (end - begin) * rowLength });
      continue;
    }
    const rows = request.decode(source.type, stored, (end - begin) * rowLength);
    // made again for each chunk: the memory may have grown while the file was read
    const target = new Float32Array(heap.memory.buffer, form.address, elements);
    writeRows(target, rows, { form, use, begin, rowCount, rowLength });
  }
  return form;
}

interface RowWrite {
  readonly form: WeightForm;
  readonly use: WeightUse;
  /** First row of the chunk. */
  readonly begin: number;
  readonly rowCount: number;
  readonly rowLength: number;
}

function writeRows(
  target: Float32Array,
  rows: Float32Array,
  { form, use, begin, rowCount, rowLength }: RowWrite,
): void {
  if (form.layout === "rowsF32") target.set(rows, begin * rowLength);
  else if (use === "linear") packF32Rows(target, rows, begin, rowLength);
  else packTransposed(target, rows, { begin, into: rowCount, out: rowLength });
}

interface HalfCopy {
  readonly stored: Uint8Array;
  readonly form: WeightForm;
  readonly heap: Heap;
  readonly firstElement: number;
  readonly elements: number;
}

function copyHalves(source: WeightSource, { stored, form, heap, firstElement, elements }: HalfCopy): void {
  if (stored.byteLength !== elements * 2) throw new WeightBytesError(source.name, elements * 2, stored.byteLength);
  new Uint8Array(heap.memory.buffer, form.address, form.bytes).set(stored, firstElement * 2);
}

/** Rows of W [in, out] into the panels of Wᵀ: row k is one column of every panel. */
function packTransposed(
  panels: Float32Array,
  rows: Float32Array,
  { begin, into, out }: { readonly begin: number; readonly into: number; readonly out: number },
): void {
  for (let r = 0; r * out < rows.length; r++) {
    const k = begin + r;
    for (let o = 0; o < out; o++) panels[((o >> 3) * into + k) * 8 + (o & 7)] = rows[r * out + o];
  }
}

/** Whole groups of eight are read by the kernels. */
const padTo8 = (count: number): number => Math.ceil(count / 8) * 8;

function matrixShape(shape: readonly number[]): { readonly rowCount: number; readonly rowLength: number } {
  const rowLength = shape[shape.length - 1] ?? 1;
  return { rowCount: shape.slice(0, -1).reduce((n, d) => n * d, 1), rowLength };
}
