import { type Dim, type Extents, extentsOf } from "../../tensor/dim.ts";
import { ELEMENT_BYTES, type Place } from "./place.ts";

/** Typed-array views of both element types over the memory as it is now. */
export interface MemoryViews {
  readonly floats: Float32Array;
  readonly integers: Int32Array;
}

export function memoryViews(memory: WebAssembly.Memory): MemoryViews {
  // a memory that was never used has no byte to view
  const length = Math.floor(memory.buffer.byteLength / ELEMENT_BYTES);
  return { floats: new Float32Array(memory.buffer, 0, length), integers: new Int32Array(memory.buffer, 0, length) };
}

interface Access {
  readonly place: Place;
  readonly dims: readonly Dim[];
  readonly extents: Extents;
  /** Where the arena of each memory lies. */
  readonly arenas: readonly number[];
}

/** Calls `visit` for each run of `width` elements: index in memory, index in row-major order of the dims. */
function forRuns(
  { place, dims, extents, arenas }: Access,
  visit: (memoryIndex: number, index: number) => void,
): number {
  const shape = extentsOf(dims, extents);
  const base = (place.buffer.address(arenas) + place.offsetBytes) / ELEMENT_BYTES;
  const total = shape.reduce((product, n) => product * n, 1);
  const rowCount = total / (place.width * place.headCount);
  for (let head = 0; head < place.headCount; head++) {
    for (let row = 0; row < rowCount; row++) {
      const from = base + (row * place.rowStride + head * place.headStride) / ELEMENT_BYTES;
      visit(from, (head * rowCount + row) * place.width);
    }
  }
  return total;
}

/** Copies a value out, row-major in the order of its dims. */
export function readValue<T extends Float32Array | Int32Array | Float64Array>(
  access: Access,
  source: Float32Array | Int32Array,
  make: (length: number) => T,
): T {
  const shape = extentsOf(access.dims, access.extents);
  const result = make(shape.reduce((product, n) => product * n, 1));
  const { width } = access.place;
  forRuns(access, (from, to) => result.set(source.subarray(from, from + width), to));
  return result;
}

/** Copies row-major data into a value's memory. */
export function writeValue(access: Access, target: Float32Array | Int32Array, data: ArrayLike<number>): void {
  const { width } = access.place;
  forRuns(access, (to, from) => {
    for (let i = 0; i < width; i++) target[to + i] = data[from + i];
  });
}

/** Copies row-major data that fills whole rows: inputs, whose places have no gaps. */
export function writeDense(
  { place, arenas }: Access,
  target: Float32Array | Int32Array,
  data: Float32Array | Int32Array,
): void {
  target.set(data, (place.buffer.address(arenas) + place.offsetBytes) / ELEMENT_BYTES);
}
