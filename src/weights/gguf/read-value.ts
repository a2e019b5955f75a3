import { unreachable } from "../../base/invariant.ts";
import { StringList } from "../../base/string-list.ts";
import type { HeaderCursor } from "./header-cursor.ts";
import { type GgufArray, type GgufValue, type GgufValueType, VALUE_BYTES, VALUE_TYPES } from "./value.ts";

/** Arrays of arrays deeper than this are refused; published files have none. */
const MAX_ARRAY_DEPTH = 4;
/** A string of a header longer than this is refused; the longest published one, a chat template, has 20 kB. */
const MAX_STRING_BYTES = 1 << 24;
/** Longest key or tensor name: ggml's limit for keys. */
const MAX_NAME_BYTES = 65_535;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A key or a tensor's name: a u64 length and that many bytes of UTF-8. */
export async function readName(cursor: HeaderCursor, what: string): Promise<string> {
  return decoder.decode(await readStringBytes(cursor, what, MAX_NAME_BYTES));
}

async function readStringBytes(cursor: HeaderCursor, what: string, maxBytes = MAX_STRING_BYTES): Promise<Uint8Array> {
  await cursor.need(8);
  const length = cursor.checkClaim(cursor.u64(), 1, what);
  if (length > maxBytes) throw cursor.error(`${what} claims ${length} bytes, at most ${maxBytes} are read`);
  await cursor.need(length);
  return cursor.bytes(length);
}

/** A type code and a value of that type. `key` names it in messages. */
export async function readValue(cursor: HeaderCursor, key: string): Promise<GgufValue> {
  const type = await readType(cursor, key);
  switch (type) {
    case "string":
      return { type, value: decoder.decode(await readStringBytes(cursor, key)) };
    case "array":
      return { type, array: await readArray(cursor, key, 1) };
    default:
      await cursor.need(VALUE_BYTES[type]);
      return readScalar(cursor, type, key);
  }
}

async function readType(cursor: HeaderCursor, key: string): Promise<GgufValueType> {
  await cursor.need(4);
  const code = cursor.u32();
  const type = VALUE_TYPES.at(code);
  if (type === undefined) throw cursor.error(`metadata key ${key} has the unknown value type ${code}`);
  return type;
}

function readScalar(cursor: HeaderCursor, type: Exclude<GgufValueType, "string" | "array">, key: string): GgufValue {
  switch (type) {
    case "u64":
      return { type, value: cursor.u64() };
    case "i64":
      return { type, value: cursor.i64() };
    case "bool":
      return { type, value: toBoolean(cursor.u8(), cursor, key) };
    default:
      return { type, value: cursor[type]() };
  }
}

function toBoolean(byte: number, cursor: HeaderCursor, key: string): boolean {
  if (byte > 1) throw cursor.error(`metadata key ${key} is a boolean with the value ${byte}`);
  return byte === 1;
}

async function readArray(cursor: HeaderCursor, key: string, depth: number): Promise<GgufArray> {
  const type = await readType(cursor, key);
  await cursor.need(8);
  const count = cursor.u64();
  if (type === "string") return { type, values: await readStrings(cursor, cursor.checkClaim(count, 8, key), key) };
  if (type === "array") {
    if (depth >= MAX_ARRAY_DEPTH) throw cursor.error(`metadata key ${key} nests arrays ${depth + 1} deep`);
    const arrays: GgufArray[] = [];
    const arrayCount = cursor.checkClaim(count, 12, key);
    for (let i = 0; i < arrayCount; i++) arrays.push(await readArray(cursor, key, depth + 1));
    return { type, values: arrays };
  }
  const length = cursor.checkClaim(count, VALUE_BYTES[type], key) * VALUE_BYTES[type];
  await cursor.need(length);
  // A copy: the file aligns nothing, typed arrays must be aligned, and the window should not live on.
  const bytes = new Uint8Array(cursor.bytes(length));
  return toNumbers(type, bytes, cursor, key);
}

function toNumbers(
  type: keyof typeof VALUE_BYTES,
  bytes: Uint8Array<ArrayBuffer>,
  cursor: HeaderCursor,
  key: string,
): GgufArray {
  switch (type) {
    case "u8":
      return { type, values: bytes };
    case "i8":
      return { type, values: new Int8Array(bytes.buffer) };
    case "u16":
      return { type, values: new Uint16Array(bytes.buffer) };
    case "i16":
      return { type, values: new Int16Array(bytes.buffer) };
    case "u32":
      return { type, values: new Uint32Array(bytes.buffer) };
    case "i32":
      return { type, values: new Int32Array(bytes.buffer) };
    case "f32":
      return { type, values: new Float32Array(bytes.buffer) };
    case "f64":
      return { type, values: new Float64Array(bytes.buffer) };
    case "u64":
      return { type, values: new BigUint64Array(bytes.buffer) };
    case "i64":
      return { type, values: new BigInt64Array(bytes.buffer) };
    case "bool":
      return { type, values: Array.from(bytes, (byte) => toBoolean(byte, cursor, key)) };
    default:
      return unreachable(type);
  }
}

/** Strings of an array lie one after the other; their bytes are gathered in one buffer that grows as they come. */
async function readStrings(cursor: HeaderCursor, count: number, key: string): Promise<StringList> {
  const ends = new Uint32Array(count);
  let bytes = new Uint8Array(Math.min(count * 8, 1 << 20));
  let end = 0;
  for (let i = 0; i < count; i++) {
    // awaiting each of 250,000 strings would take longer than all else
    const text = cursor.bufferedString() ?? (await readStringBytes(cursor, key));
    if (end + text.length > bytes.length) {
      const grown = new Uint8Array(2 * (end + text.length));
      grown.set(bytes);
      bytes = grown;
    }
    bytes.set(text, end);
    end += text.length;
    ends[i] = end;
  }
  return new StringList(bytes.slice(0, end), ends);
}
