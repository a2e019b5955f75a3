import { InvariantError } from "../base/errors.ts";
import type { RunningTransform, StreamTransform } from "../io/hub/sink.ts";
import { quantise } from "../quantize/encode/quantise.ts";
import { chooseTypes, fileTypeOf } from "../quantize/mixture.ts";
import type { GgufHeader } from "../weights/gguf/read-header.ts";
import { type GgufLayout, layOutGguf } from "../weights/gguf/write-header.ts";
import { dequantise } from "../weights/quant/dequantise.ts";
import { blockFormat, byteLengthOf, type GgmlType } from "../weights/quant/formats.ts";
import type { TensorPlace } from "../weights/tensor-place.ts";
import { padTower } from "./tower-padding.ts";

/** The error that repacking made, summed over the matrices that changed: ‖q − w‖² and ‖w‖². */
export interface RepackError {
  error: number;
  power: number;
}

/** A tower to be repacked: its header, read before the first byte is stored. */
export interface TowerFile {
  header: GgufHeader | undefined;
  readonly sums: RepackError;
}

/** Name under which the result is kept; it changes when the result would. */
const NAME = "tower-q8-0-v2";
const FULL_TYPES: readonly GgmlType[] = ["F32", "F16", "BF16"];

/** Writes an F16 tower as Q8_0 while it arrives: matrices whose rows are whole blocks or can be made so, the rest as published. */
export function towerRepack(file: TowerFile): StreamTransform {
  const start = (): TowerRepack => {
    if (file.header === undefined) throw new InvariantError("the tower's header was not read");
    return new TowerRepack(file.header, file.sums);
  };
  return {
    name: NAME,
    create: () => start(),
    resume: (state) => {
      const running = start();
      running.restore(state);
      return running;
    },
  };
}

interface Plan {
  readonly place: TensorPlace;
  readonly type: GgmlType;
  readonly rowLength: number;
  readonly rowBytes: number;
  /** With the zeros that are added. */
  readonly paddedLength: number;
}

interface State {
  readonly inputAt: number;
  readonly pending: string;
  readonly error: number;
  readonly power: number;
}

/** Position in the published file, and the bytes of a row that is not whole yet. */
class TowerRepack implements RunningTransform {
  readonly #plans: readonly Plan[];
  readonly #layout: GgufLayout;
  readonly #sums: RepackError;
  #inputAt = 0;
  #pending = new Uint8Array();

  constructor(header: GgufHeader, sums: RepackError) {
    const places = header.tensors.toSorted((a, b) => a.offsetBytes - b.offsetBytes);
    const padded = padTower(header.metadata, places);
    const declared = places.map(({ name, type }, i) => ({ name, type, shape: padded.shapes[i] }));
    const types = chooseTypes("Q8_0", declared).map((type, i) =>
      FULL_TYPES.includes(places[i].type) ? type : places[i].type,
    );
    this.#plans = places.map((place, i) => {
      const rowLength = place.shape.at(-1) ?? 1;
      const { elements, bytes } = blockFormat(place.type);
      const paddedLength = padded.shapes[i].at(-1) ?? 1;
      return { place, type: types[i], rowLength, rowBytes: (rowLength / elements) * bytes, paddedLength };
    });
    const metadata = new Map(padded.metadata);
    metadata.set("general.file_type", { type: "u32", value: fileTypeOf("Q8_0") });
    this.#layout = layOutGguf(
      metadata,
      declared.map(({ name, shape }, i) => ({ name, shape, type: types[i] })),
    );
    this.#sums = sums;
  }

  push(chunk: Uint8Array): Uint8Array {
    const out: Uint8Array[] = this.#inputAt === 0 && chunk.length > 0 ? [this.#layout.header] : [];
    for (let at = 0; at < chunk.length; ) {
      const index = this.#plans.findIndex(({ place }) => place.offsetBytes + place.byteLength > this.#inputAt);
      if (index < 0) {
        this.#inputAt += chunk.length - at;
        break;
      }
      const { place } = this.#plans[index];
      const end = this.#inputAt < place.offsetBytes ? place.offsetBytes : place.offsetBytes + place.byteLength;
      const taken = chunk.subarray(at, at + Math.min(chunk.length - at, end - this.#inputAt));
      if (this.#inputAt >= place.offsetBytes) out.push(...this.#convert(index, taken));
      this.#inputAt += taken.length;
      at += taken.length;
    }
    return joined(out);
  }

  finish(): Uint8Array {
    return new Uint8Array();
  }

  save(): string {
    const state: State = {
      inputAt: this.#inputAt,
      pending: Buffer.from(this.#pending).toString("base64"),
      ...this.#sums,
    };
    return JSON.stringify(state);
  }

  restore(text: string): void {
    const { inputAt, pending, error, power }: State = JSON.parse(text);
    this.#inputAt = inputAt;
    this.#pending = new Uint8Array(Buffer.from(pending, "base64"));
    Object.assign(this.#sums, { error, power });
  }

  /** What the bytes of a tensor become; its last ones bring the zeros and the padding behind it. */
  #convert(index: number, bytes: Uint8Array): Uint8Array[] {
    const { place, type, rowLength, rowBytes, paddedLength } = this.#plans[index];
    const { offsetBytes } = this.#layout.tensors[index];
    const isLast = this.#inputAt + bytes.length === place.offsetBytes + place.byteLength;
    const next = this.#layout.tensors[index + 1]?.offsetBytes ?? this.#layout.fileBytes;
    const rest = (storedBytes: number): Uint8Array[] =>
      isLast ? [new Uint8Array(next - offsetBytes - storedBytes)] : [];
    if (type === place.type) return [new Uint8Array(bytes), ...rest(place.byteLength)];
    const all = joined([this.#pending, bytes]);
    const rowCount = Math.floor(all.length / rowBytes);
    this.#pending = all.slice(rowCount * rowBytes);
    const values = spread(
      dequantise(place.type, all.slice(0, rowCount * rowBytes), rowCount * rowLength),
      rowLength,
      paddedLength,
    );
    const stored = quantise(type, values, paddedLength);
    this.#count(values, dequantise(type, stored, values.length));
    return [stored, ...rest(byteLengthOf(type, (place.byteLength / rowBytes) * paddedLength))];
  }

  #count(values: Float32Array, found: Float32Array): void {
    for (let i = 0; i < values.length; i++) {
      this.#sums.error += (found[i] - values[i]) ** 2;
      this.#sums.power += values[i] ** 2;
    }
  }
}

/** Rows with zeros behind each. */
function spread(values: Float32Array, rowLength: number, paddedLength: number): Float32Array {
  if (rowLength === paddedLength) return values;
  const rowCount = values.length / rowLength;
  const padded = new Float32Array(rowCount * paddedLength);
  for (let row = 0; row < rowCount; row++) {
    padded.set(values.subarray(row * rowLength, (row + 1) * rowLength), row * paddedLength);
  }
  return padded;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
