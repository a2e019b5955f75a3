import { DisposedError } from "../../base/errors.ts";
import type { ResidentState } from "../../tensor/backend.ts";
import { capacityOf } from "../../tensor/dim.ts";
import { DTYPE_BYTES, type DType } from "../../tensor/dtype.ts";
import { BindingError } from "../../tensor/errors.ts";
import type { Value } from "../../tensor/graph.ts";
import { fixedBuffer, type PlacedBuffer } from "./buffers.ts";
import type { Heap } from "./heap.ts";

/** A cache or recurrent state in WebAssembly memory, zero at first. */
export class WasmState implements ResidentState {
  readonly name: string;
  readonly dtype: DType;
  readonly residentBytes: number;
  readonly buffer: PlacedBuffer;
  readonly address: number;
  readonly #heap: Heap;
  readonly #entryBytes: number;
  #isDisposed = false;

  /** `memory`: which one the heap is over. */
  constructor(name: string, value: Value, { heap, memory }: { readonly heap: Heap; readonly memory: number }) {
    this.name = name;
    this.dtype = value.dtype;
    this.#heap = heap;
    this.#entryBytes = capacityOf(value.dims.slice(1)) * DTYPE_BYTES[value.dtype];
    this.residentBytes = value.dims[0].capacity * this.#entryBytes;
    this.address = heap.allocate(this.residentBytes);
    this.buffer = fixedBuffer({ memory, address: this.address, bytes: this.residentBytes });
    this.clear();
  }

  /** Throws DisposedError when its memory may belong to another owner by now. */
  requireResident(): void {
    if (this.#isDisposed) throw new DisposedError(`state "${this.name}"`, "used");
  }

  clear(): void {
    this.#bytes().fill(0);
  }

  copy(from: number, to: number, count: number): void {
    this.#bytes().copyWithin(to * this.#entryBytes, from * this.#entryBytes, (from + count) * this.#entryBytes);
  }

  save(): Uint8Array<ArrayBuffer> {
    const saved = new Uint8Array(this.residentBytes);
    saved.set(this.#bytes());
    return saved;
  }

  restore(saved: Uint8Array): void {
    if (saved.byteLength !== this.residentBytes) {
      throw new BindingError(`state "${this.name}" has ${this.residentBytes} bytes, not ${saved.byteLength}`);
    }
    this.#bytes().set(saved);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError(`state "${this.name}"`, "disposed again");
    this.#isDisposed = true;
    this.#heap.free(this.address, this.residentBytes);
  }

  #bytes(): Uint8Array {
    this.requireResident();
    return new Uint8Array(this.#heap.memory.buffer, this.address, this.residentBytes);
  }
}
