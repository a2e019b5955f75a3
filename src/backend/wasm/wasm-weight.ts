import { DisposedError, UnsupportedError } from "../../base/errors.ts";
import { present } from "../../base/invariant.ts";
import type { Precision, ResidentWeight, UploadOptions, WeightSource, WeightUse } from "../../tensor/backend.ts";
import { STORAGE_BLOCKS } from "../../tensor/dtype.ts";
import type { Region } from "./buffers.ts";
import { WeightBytesError, WeightTypeError, WeightValueError } from "./errors.ts";
import { findNotFinite } from "./finite-rows.ts";
import type { Heap } from "./heap.ts";
import type { Memories } from "./memories.ts";
import type { UploadBuffers } from "./upload-buffers.ts";
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

/** One form of a weight in memory; all forms of a weight lie in one memory. */
export interface WeightForm extends Region {
  readonly layout: WeightLayout;
  /** Panels of Wᵀ for a weight stored [in, out]. */
  readonly isTransposed: boolean;
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

/** Elements read from the file at once: a request each where that is far away. */
const CHUNK_ELEMENTS = 1 << 20;
/** Elements decoded and packed at once: as floats they stay in a core's cache. */
const PACKED_ELEMENTS = 1 << 16;

/**
 * Reads a weight in bounded chunks into the forms that its uses need. On failure nothing stays allocated. Throws
 * WeightTypeError, WeightBytesError, WeightValueError, OutOfMemoryError.
 */
export async function uploadWeight(
  source: WeightSource,
  options: UploadOptions,
  {
    memories,
    decode: decodeStored,
    buffers,
  }: { readonly memories: Memories; readonly decode: DecodeStored; readonly buffers: UploadBuffers },
): Promise<WasmWeight> {
  const wanted = wantedForms(source, options);
  const bytes = [...new Set(wanted.values())].reduce((sum, form) => sum + form.bytes, 0);
  const forms = memories.placeWeight(source.name, bytes, (memory) => allocateForms(wanted, memories, memory));
  const own = [...new Set(forms.values())];
  const heap = memories.heaps[own[0]?.memory ?? 0];
  const decode: DecodeStored = (type, stored, count) =>
    decodeStored(type, stored, count, { into: buffers.floats(count) });
  const loss: RepackLoss = { lost: 0, energy: 0 };
  const isMeasured = options.measureRepack === true && own.some(({ layout }) => formatOf(layout) === "I8x128");
  try {
    // every chunk is read once, whatever the number of forms
    await forChunks(source, { signal: options.signal, buffers }, (stored) => {
      const bad = findNotFinite(stored);
      if (bad !== undefined) throw new WeightValueError(source.name, bad.row, bad.value);
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

type WantedForm = Omit<WeightForm, "memory" | "address">;

/** What each use needs; uses that share a form share the object. */
function wantedForms(source: WeightSource, options: UploadOptions): ReadonlyMap<WeightUse, WantedForm> {
  const block = STORAGE_BLOCKS[source.type];
  if (block === undefined) throw new WeightTypeError(source.name, source.type, options.uses.join(" and "));
  const { rowCount, rowLength } = matrixShape(source.shape);
  if (rowLength % block.elements !== 0) {
    throw new WeightTypeError(source.name, `${source.type} with rows of ${rowLength}`, options.uses.join(" and "));
  }
  const forms = new Map<WeightUse, WantedForm>();
  const byKey = new Map<string, WantedForm>();
  for (const use of options.uses) {
    const layout = layoutFor(use, source.type, options);
    const isTransposed = use === "transposed";
    const bytes = isTransposed ? layoutBytes(layout, rowLength, rowCount) : layoutBytes(layout, rowCount, rowLength);
    const key = `${layout.kind} ${formatOf(layout)} ${isTransposed}`;
    const form = byKey.get(key) ?? { layout, isTransposed, bytes };
    byKey.set(key, form);
    forms.set(use, form);
  }
  return forms;
}

/** Zeroed room for every form in one memory. On failure nothing stays allocated. Throws OutOfMemoryError. */
function allocateForms(
  wanted: ReadonlyMap<WeightUse, WantedForm>,
  memories: Memories,
  memory: number,
): ReadonlyMap<WeightUse, WeightForm> {
  const heap = memories.heaps[memory];
  const made = new Map<WantedForm, WeightForm>();
  try {
    for (const form of new Set(wanted.values())) {
      const address = heap.allocate(form.bytes);
      made.set(form, { ...form, memory, address });
      new Uint8Array(heap.memory.buffer, address, form.bytes).fill(0);
    }
  } catch (error) {
    for (const { address, bytes } of made.values()) heap.free(address, bytes);
    throw error;
  }
  return new Map([...wanted].map(([use, form]) => [use, present(made.get(form), `the form for ${use}`)]));
}

async function forChunks(
  source: WeightSource,
  { signal, buffers }: { readonly signal: AbortSignal | undefined; readonly buffers: UploadBuffers },
  write: (stored: StoredRows) => void,
): Promise<void> {
  const { rowCount, rowLength } = matrixShape(source.shape);
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / rowLength));
  for (let begin = 0; begin < rowCount; begin += step) {
    signal?.throwIfAborted();
    const end = Math.min(rowCount, begin + step);
    const expected = storedBytes(source.type, rowLength, end - begin);
    const bytes = await source.readRows(begin, end, buffers.bytes(expected));
    if (bytes.byteLength !== expected) throw new WeightBytesError(source.name, expected, bytes.byteLength);
    for (const part of partsOf({ type: source.type, bytes, begin, rowCount, rowLength })) write(part);
  }
}

/** A chunk in pieces of a few rows. */
function* partsOf({ type, bytes, begin, rowCount, rowLength }: StoredRows): Iterable<StoredRows> {
  const rows = Math.max(1, Math.floor(PACKED_ELEMENTS / rowLength));
  const step = storedBytes(type, rowLength, rows);
  for (let at = 0, row = begin; at < bytes.length; at += step, row += rows) {
    yield { type, bytes: bytes.subarray(at, at + step), begin: row, rowCount, rowLength };
  }
}

function decodeRows(decode: DecodeStored, { type, bytes }: StoredRows): Float32Array {
  const { elements, bytes: blockBytes } = STORAGE_BLOCKS[type];
  return decode(type, bytes, (bytes.byteLength / blockBytes) * elements);
}

interface MatrixShape {
  readonly rowCount: number;
  readonly rowLength: number;
}

function matrixShape(shape: readonly number[]): MatrixShape {
  const rowLength = shape[shape.length - 1] ?? 1;
  return { rowCount: shape.slice(0, -1).reduce((n, d) => n * d, 1), rowLength };
}
