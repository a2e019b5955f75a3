import { CheckpointFormatError } from "../errors.ts";
import { blockFormat, byteLengthOf, type GgmlType } from "../quant/formats.ts";
import { DEFAULT_ALIGNMENT, GGUF_MAGIC } from "./read-header.ts";
import { type GgufArray, type GgufValue, VALUE_TYPES } from "./value.ts";

/** A tensor to be written. */
export interface TensorDeclaration {
  readonly name: string;
  readonly type: GgmlType;
  /** Outermost first. */
  readonly shape: readonly number[];
}

/** Where the writer must put a tensor's bytes. */
export interface GgufLayout {
  /** Header bytes, padded to the data section. */
  readonly header: Uint8Array<ArrayBuffer>;
  /** From the start of the file, in the order of the declarations. */
  readonly tensors: readonly { readonly offsetBytes: number; readonly byteLength: number }[];
  readonly fileBytes: number;
}

/** Lays out a GGUF v3 file: metadata in map order, tensors one after the other on aligned offsets. */
export function layOutGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  declarations: readonly TensorDeclaration[],
): GgufLayout {
  const entry = metadata.get("general.alignment");
  const alignment = entry?.type === "u32" ? entry.value : DEFAULT_ALIGNMENT;
  const align = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
  const out = new HeaderBytes();
  out.u32(GGUF_MAGIC);
  out.u32(3);
  out.u64(BigInt(declarations.length));
  out.u64(BigInt(metadata.size));
  for (const [key, value] of metadata) {
    out.string(key);
    writeValue(out, value);
  }
  let offset = 0;
  const places = declarations.map((declaration) => {
    const byteLength = checkedByteLength(declaration);
    const place = { offset, byteLength };
    writeTensorInfo(out, declaration, offset);
    offset += align(byteLength);
    return place;
  });
  const header = new Uint8Array(align(out.length));
  header.set(out.bytes());
  return {
    header,
    tensors: places.map((place) => ({ offsetBytes: header.length + place.offset, byteLength: place.byteLength })),
    fileBytes: header.length + offset,
  };
}

function checkedByteLength({ name, type, shape }: TensorDeclaration): number {
  const { elements } = blockFormat(type);
  const rowLength = shape.at(-1) ?? 0;
  if (shape.length === 0 || shape.length > 4 || rowLength % elements !== 0) {
    throw new CheckpointFormatError(name, `a ${type} tensor of [${shape.join(", ")}] cannot be stored in GGUF`);
  }
  return byteLengthOf(
    type,
    shape.reduce((product, size) => product * size, 1),
  );
}

function writeTensorInfo(out: HeaderBytes, { name, type, shape }: TensorDeclaration, offset: number): void {
  out.string(name);
  out.u32(shape.length);
  for (const size of [...shape].reverse()) out.u64(BigInt(size));
  out.u32(blockFormat(type).code);
  out.u64(BigInt(offset));
}

function writeValue(out: HeaderBytes, value: GgufValue): void {
  out.u32(VALUE_TYPES.indexOf(value.type));
  switch (value.type) {
    case "array":
      writeArray(out, value.array);
      return;
    case "string":
      out.string(value.value);
      return;
    case "bool":
      out.raw(Uint8Array.of(value.value ? 1 : 0));
      return;
    case "u64":
    case "i64":
      out.u64(BigInt.asUintN(64, value.value));
      return;
    default:
      out.raw(viewOf(NUMBER_ARRAYS[value.type].of(value.value)));
  }
}

const NUMBER_ARRAYS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

function writeArray(out: HeaderBytes, array: GgufArray): void {
  out.u32(VALUE_TYPES.indexOf(array.type));
  out.u64(BigInt(array.values.length));
  switch (array.type) {
    case "array":
      for (const inner of array.values) writeArray(out, inner);
      return;
    case "bool":
      out.raw(Uint8Array.from(array.values, Number));
      return;
    case "string":
      for (let i = 0; i < array.values.length; i++) out.text(array.values.bytesAt(i));
      return;
    default:
      out.raw(viewOf(array.values));
  }
}

function viewOf(values: ArrayBufferView<ArrayBuffer>): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Little-endian bytes in a buffer that doubles. */
class HeaderBytes {
  length = 0;
  #buffer = new Uint8Array(1 << 12);

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  raw(bytes: Uint8Array): void {
    const end = this.length + bytes.length;
    if (end > this.#buffer.length) {
      const grown = new Uint8Array(2 * end);
      grown.set(this.bytes());
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.length);
    this.length = end;
  }

  u32(value: number): void {
    this.raw(viewOf(Uint32Array.of(value)));
  }

  u64(value: bigint): void {
    this.raw(viewOf(BigUint64Array.of(value)));
  }

  text(utf8: Uint8Array): void {
    this.u64(BigInt(utf8.length));
    this.raw(utf8);
  }

  string(text: string): void {
    this.text(new TextEncoder().encode(text));
  }
}
