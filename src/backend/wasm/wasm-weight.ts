import { DisposedError, UnsupportedError } from "../../base/errors.ts";
import type { Precision, ResidentWeight, UploadOptions, WeightSource, WeightUse } from "../../tensor/backend.ts";
import { STORAGE_BLOCKS } from "../../tensor/dtype.ts";
import { WeightBytesError, WeightTypeError, WeightValueError } from "./errors.ts";
import type { Heap } from "./heap.ts";
import { layoutBytes, layoutFor, type WeightLayout } from "./weight-layout.ts";
import {
  addRepackLoss,
  type DecodeStored,
  type RepackLoss,
  type StoredRows,
  storedBytes,
  writeFloats,
  writeStored,
} from "./weight-rows.ts";

/** One form of a weight in memory. */
export interface WeightForm {
  readonly layout: WeightLayout;
  /** Panels of Wᵀ for a weight stored [in, out]. */
  readonly isTransposed: boolean;
  readonly address: number;
  readonly bytes: number;
}

/** A weight in WebAssembly memory, in a form for each use. */
export class WasmWeight implements ResidentWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly precision: Precision;
  readonly repackError?: number;
  readonly #forms: ReadonlyMap<WeightUse, WeightForm>;
  readonly #heap: Heap;
  #isDisposed = false;

  constructor(
    source: WeightSource,
    kept: { readonly precision: Precision; readonly repackError: number | undefined },
    forms: ReadonlyMap<WeightUse, WeightForm>,
    heap: Heap,
  ) {
    this.name = source.name;
    this.shape = source.shape;
    this.precision = kept.precision;
    if (kept.repackError !== undefined) this.repackError = kept.repackError;
    this.#forms = forms;
    this.#heap = heap;
  }

  get residentBytes(): number {
    return this.#ownForms().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Throws DisposedError when its memory may belong to another owner by now. */
  requireResident(): void {
    if (this.#isDisposed) throw new DisposedError(`weight "${this.name}"`, "used");
  }

  /** The form that serves a use. Throws WeightTypeError when it was not uploaded for that. */
  form(use: WeightUse): WeightForm {
    this.requireResident();
    const form = this.#forms.get(use);
    if (form === undefined) throw new WeightTypeError(this.name, "uploaded for another use", use);
    return form;
  }

  replace(values: Float32Array): void {
    this.requireResident();
    for (const { layout, isTransposed, address, bytes } of this.#ownForms()) {
      if (formatOf(layout) !== "F32") {
        throw new UnsupportedError(
          `Weight "${this.name}" is kept as ${formatOf(layout)}.`,
          "Train from a float32 checkpoint.",
        );
      }
      const stored = { begin: 0, ...matrixShape(this.shape) };
      const target = new Uint8Array(this.#heap.memory.buffer, address, bytes);
      writeFloats(target, values, { layout, isTransposed, stored });
    }
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError(`weight "${this.name}"`, "disposed again");
    this.#isDisposed = true;
    for (const { address, bytes } of this.#ownForms()) this.#heap.free(address, bytes);
  }

  #ownForms(): readonly WeightForm[] {
    return [...new Set(this.#forms.values())];
  }
}

const formatOf = (layout: WeightLayout): string => (layout.kind === "rows" ? layout.element : layout.format);

/** Keeps weights of zeros from dividing by zero. */
const TINY = 1e-300;

/** Elements read from the file at once. */
const CHUNK_ELEMENTS = 1 << 20;

/**
 * Reads a weight in bounded chunks into the forms that its uses need. On failure nothing stays allocated. Throws
 * WeightTypeError, WeightBytesError, WeightValueError, OutOfMemoryError.
 */
export async function uploadWeight(
  source: WeightSource,
  options: UploadOptions,
  { heap, decode }: { readonly heap: Heap; readonly decode: DecodeStored },
): Promise<WasmWeight> {
  const forms = allocateForms(source, options, heap);
  const own = [...new Set(forms.values())];
  const loss: RepackLoss = { lost: 0, energy: 0 };
  const isMeasured = options.measureRepack === true && own.some(({ layout }) => formatOf(layout) === "I8x128");
  try {
    // every chunk is read once, whatever the number of forms
    await forChunks(source, options.signal, (stored) => {
      if (options.checkFinite === true) requireFinite(source, decode, stored);
      if (isMeasured) addRepackLoss(loss, decodeRows(decode, stored), stored.rowLength);
      for (const { layout, isTransposed, address, bytes } of own) {
        // made again for each chunk: the memory may have grown while the file was read
        const target = new Uint8Array(heap.memory.buffer, address, bytes);
        writeStored(target, stored, { layout, isTransposed, decode });
      }
    });
  } catch (error) {
    for (const { address, bytes } of own) heap.free(address, bytes);
    throw error;
  }
  const repackError = options.measureRepack === true ? loss.lost / Math.max(loss.energy, TINY) : undefined;
  return new WasmWeight(source, { precision: options.precision, repackError }, forms, heap);
}

function allocateForms(source: WeightSource, options: UploadOptions, heap: Heap): ReadonlyMap<WeightUse, WeightForm> {
  const block = STORAGE_BLOCKS[source.type];
  if (block === undefined) throw new WeightTypeError(source.name, source.type, options.uses.join(" and "));
  const { rowCount, rowLength } = matrixShape(source.shape);
  if (rowLength % block.elements !== 0) {
    throw new WeightTypeError(source.name, `${source.type} with rows of ${rowLength}`, options.uses.join(" and "));
  }
  const forms = new Map<WeightUse, WeightForm>();
  const byKey = new Map<string, WeightForm>();
  try {
    for (const use of options.uses) {
      const layout = layoutFor(use, source.type, options);
      const isTransposed = use === "transposed";
      const key = `${layout.kind} ${formatOf(layout)} ${isTransposed}`;
      const form = byKey.get(key) ?? allocateForm({ layout, isTransposed }, { rowCount, rowLength }, heap);
      byKey.set(key, form);
      forms.set(use, form);
    }
  } catch (error) {
    for (const { address, bytes } of byKey.values()) heap.free(address, bytes);
    throw error;
  }
  return forms;
}

function allocateForm(
  { layout, isTransposed }: Pick<WeightForm, "layout" | "isTransposed">,
  { rowCount, rowLength }: MatrixShape,
  heap: Heap,
): WeightForm {
  const bytes = isTransposed ? layoutBytes(layout, rowLength, rowCount) : layoutBytes(layout, rowCount, rowLength);
  const address = heap.allocate(bytes);
  new Uint8Array(heap.memory.buffer, address, bytes).fill(0);
  return { layout, isTransposed, address, bytes };
}

async function forChunks(
  source: WeightSource,
  signal: AbortSignal | undefined,
  write: (stored: StoredRows) => void,
): Promise<void> {
  const { rowCount, rowLength } = matrixShape(source.shape);
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / rowLength));
  for (let begin = 0; begin < rowCount; begin += step) {
    signal?.throwIfAborted();
    const end = Math.min(rowCount, begin + step);
    const bytes = await source.readRows(begin, end);
    const expected = storedBytes(source.type, rowLength, end - begin);
    if (bytes.byteLength !== expected) throw new WeightBytesError(source.name, expected, bytes.byteLength);
    write({ type: source.type, bytes, begin, rowCount, rowLength });
  }
}

function decodeRows(decode: DecodeStored, { type, bytes }: StoredRows): Float32Array {
  const { elements, bytes: blockBytes } = STORAGE_BLOCKS[type];
  return decode(type, bytes, (bytes.byteLength / blockBytes) * elements);
}

function requireFinite(source: WeightSource, decode: DecodeStored, stored: StoredRows): void {
  const { begin, rowLength } = stored;
  const values = decodeRows(decode, stored);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new WeightValueError(source.name, begin + Math.floor(bad / rowLength), values[bad]);
}

interface MatrixShape {
  readonly rowCount: number;
  readonly rowLength: number;
}

function matrixShape(shape: readonly number[]): MatrixShape {
  const rowLength = shape[shape.length - 1] ?? 1;
  return { rowCount: shape.slice(0, -1).reduce((n, d) => n * d, 1), rowLength };
}
