import type { PreparedPicture } from "../image/prepare-picture.ts";
import type { Downsample, ModelRuntime } from "../runtime/model-runtime.ts";
import { cutPicture, type Picture, pictureKey } from "./picture.ts";

/** A picture that a prompt shows: its place in keys, and its cut. */
export interface PlacedPicture {
  readonly picture: Picture;
  readonly prepared: PreparedPicture;
  /** Number of this content within this model; equal content has equal numbers. */
  readonly serial: number;
  readonly key: string;
}

export interface EncodeRequest {
  readonly onView?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Encoded rows kept unless told otherwise; about sixty full pictures of the largest version. */
const KEPT_BYTES = 2 ** 29;
/** Contents whose number is remembered; one that is forgotten gets a new number and is read anew. */
const MOST_SERIALS = 4096;

/** Encoded pictures of one model by content, so that a second question does not encode them again. */
export class PictureStore {
  readonly #runtime: ModelRuntime;
  readonly #rows = new Map<string, Float32Array>();
  readonly #serials = new Map<string, number>();
  readonly #mostBytes: number;
  #bytes = 0;
  #nextSerial = 0;

  constructor(runtime: ModelRuntime, mostBytes: number = KEPT_BYTES) {
    this.#runtime = runtime;
    this.#mostBytes = mostBytes;
  }

  /** Bytes of encoded rows that are kept, and that may be. */
  get kept(): { readonly bytes: number; readonly mostBytes: number } {
    return { bytes: this.#bytes, mostBytes: this.#mostBytes };
  }

  /** Cuts the pictures of a request and names them. Nothing is encoded. */
  async place(pictures: readonly Picture[]): Promise<readonly PlacedPicture[]> {
    const prepared = pictures.map(cutPicture);
    const grids = prepared.flatMap(({ views }) => views.map(({ grid }) => grid));
    // where views are padded to the longest of the request, the others are part of a picture's content
    const padding = this.#runtime.description.encoder.paddedLength(grids) ?? "";
    return Promise.all(
      pictures.map(async (picture, i) => {
        const key = `${await pictureKey(picture)} ${padding}`;
        return { picture, prepared: prepared[i], serial: this.#serialOf(key), key };
      }),
    );
  }

  /** Numbers are never given twice, so that what the cache holds under a forgotten one is not taken for another's. */
  #serialOf(key: string): number {
    const serial = this.#serials.get(key) ?? this.#nextSerial++;
    // most recently used last
    this.#serials.delete(key);
    this.#serials.set(key, serial);
    const [oldest] = this.#serials.keys();
    if (this.#serials.size > MOST_SERIALS && oldest !== undefined) this.#serials.delete(oldest);
    return serial;
  }

  clear(): void {
    this.#rows.clear();
    this.#bytes = 0;
  }

  has({ key }: PlacedPicture): boolean {
    return this.#rows.has(key);
  }

  /** Rows of all pictures one after another [ΣQ, D]; encodes what is not kept. */
  async rows(pictures: readonly PlacedPicture[], request: EncodeRequest): Promise<Float32Array> {
    const missing = pictures.filter((picture, i) => !this.has(picture) && isFirst(pictures, i));
    const kept = new Map(pictures.map(({ key }) => [key, this.#rows.get(key)]));
    if (missing.length > 0) {
      // padding is settled by the request as a whole, so then all of it is encoded together
      const grids = pictures.flatMap(({ prepared }) => prepared.views.map(({ grid }) => grid));
      const isPadded = this.#runtime.description.encoder.paddedLength(grids) !== undefined;
      for (const [key, rows] of await this.#encode(isPadded ? pictures : missing, request)) kept.set(key, rows);
    }
    return concatenate(pictures.map(({ key }) => kept.get(key) ?? new Float32Array()));
  }

  async #encode(pictures: readonly PlacedPicture[], request: EncodeRequest): Promise<Map<string, Float32Array>> {
    const result = new Map<string, Float32Array>();
    const total = pictures.reduce((sum, { prepared }) => sum + prepared.views.length, 0);
    let before = 0;
    for (const downsample of [undefined, "16x", "4x"] as const) {
      const alike = pictures.filter(({ picture }) => downsampleOf(picture) === downsample);
      const views = alike.flatMap(({ prepared }) => prepared.views);
      if (views.length === 0) continue;
      const start = before;
      const encoded = await this.#runtime.encode(views, {
        downsample,
        onProgress: (done) => request.onView?.(start + done, total),
        signal: request.signal,
      });
      before += views.length;
      let at = 0;
      for (const { key, prepared } of alike) {
        const rows = concatenate(encoded.slice(at, at + prepared.views.length).map((view) => view.rows));
        at += prepared.views.length;
        result.set(key, rows);
        this.#keep(key, rows);
      }
    }
    return result;
  }

  #keep(key: string, rows: Float32Array): void {
    if (this.#rows.has(key)) return;
    this.#rows.set(key, rows);
    this.#bytes += rows.byteLength;
    for (const [oldest, { byteLength }] of this.#rows) {
      if (this.#bytes <= this.#mostBytes || oldest === key) break;
      this.#rows.delete(oldest);
      this.#bytes -= byteLength;
    }
  }
}

function downsampleOf({ rule: { tokens } }: Picture): Downsample | undefined {
  return tokens.kind === "merge" ? tokens.mode : undefined;
}

function isFirst(pictures: readonly PlacedPicture[], index: number): boolean {
  return pictures.findIndex(({ key }) => key === pictures[index].key) === index;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
