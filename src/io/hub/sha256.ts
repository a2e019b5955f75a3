/** A running checksum. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** Ends the sum: lower-case hex. */
  hex(): string | Promise<string>;
}

/** A running SHA-256 that can be put aside and taken up again, in another process too. */
export interface ResumableSha256 extends Digest {
  hex(): string;
  /** Plain JSON that `resumeSha256` takes. */
  save(): Sha256State;
}

export interface Sha256State {
  readonly words: readonly number[];
  readonly totalBytes: number;
  /** Bytes after the last whole block of 64. */
  readonly rest: readonly number[];
}

/** SHA-256 (FIPS 180-4) in plain TypeScript, for pages, whose WebCrypto cannot hash a stream, and for checkpoints. */
export function newSha256(): ResumableSha256 {
  return new Sha256({ words: firstFractionBits(8, 2), totalBytes: 0, rest: [] });
}

/** Goes on from where `save` was called. */
export function resumeSha256(state: Sha256State): ResumableSha256 {
  return new Sha256(state);
}

class Sha256 implements ResumableSha256 {
  readonly #words: Int32Array;
  readonly #block = new Uint8Array(64);
  readonly #schedule = new Int32Array(64);
  #totalBytes: number;

  constructor(state: Sha256State) {
    this.#words = Int32Array.from(state.words);
    this.#totalBytes = state.totalBytes;
    this.#block.set(state.rest);
  }

  update(bytes: Uint8Array): void {
    let at = 0;
    let filled = this.#totalBytes % 64;
    this.#totalBytes += bytes.length;
    if (filled > 0) {
      at = Math.min(64 - filled, bytes.length);
      this.#block.set(bytes.subarray(0, at), filled);
      filled += at;
      if (filled < 64) return;
      compress(this.#words, this.#schedule, this.#block, 0);
    }
    for (; at + 64 <= bytes.length; at += 64) compress(this.#words, this.#schedule, bytes, at);
    this.#block.set(bytes.subarray(at), 0);
  }

  save(): Sha256State {
    const rest = Array.from(this.#block.subarray(0, this.#totalBytes % 64));
    return { words: Array.from(this.#words), totalBytes: this.#totalBytes, rest };
  }

  hex(): string {
    const filled = this.#totalBytes % 64;
    const tail = new Uint8Array(filled < 56 ? 64 : 128);
    tail.set(this.#block.subarray(0, filled));
    tail[filled] = 0x80;
    // The length is counted in bits, so above 512 MiB it needs more than 32 of them.
    new DataView(tail.buffer).setBigUint64(tail.length - 8, BigInt(this.#totalBytes) * 8n);
    const words = Int32Array.from(this.#words);
    for (let at = 0; at < tail.length; at += 64) compress(words, this.#schedule, tail, at);
    return Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** One block of 64 bytes. The variables carry the names of the standard. */
function compress(words: Int32Array, w: Int32Array, bytes: Uint8Array, at: number): void {
  for (let t = 0; t < 16; t++) {
    const i = at + 4 * t;
    w[t] = (bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3];
  }
  for (let t = 16; t < 64; t++) {
    const x = w[t - 15];
    const y = w[t - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
  }
  let a = words[0];
  let b = words[1];
  let c = words[2];
  let d = words[3];
  let e = words[4];
  let f = words[5];
  let g = words[6];
  let h = words[7];
  for (let t = 0; t < 64; t++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[t] + w[t]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  words[0] += a;
  words[1] += b;
  words[2] += c;
  words[3] += d;
  words[4] += e;
  words[5] += f;
  words[6] += g;
  words[7] += h;
}

const K = Int32Array.from(firstFractionBits(64, 3));

/** First 32 bits of the fractions of the square (2) or cube (3) roots of the first primes: the standard's constants. */
function firstFractionBits(count: number, root: 2 | 3): number[] {
  const bits: number[] = [];
  for (let n = 2; bits.length < count; n++) {
    if (!isPrime(n)) continue;
    bits.push(Number(BigInt.asIntN(32, integerRoot(BigInt(n) << BigInt(32 * root), root))));
  }
  return bits;
}

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
}

/** Largest integer whose power is not above `value`, by bisection: exact, unlike Math.cbrt. */
function integerRoot(value: bigint, root: 2 | 3): bigint {
  let low = 0n;
  let high = 1n << 40n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** BigInt(root) <= value) low = middle;
    else high = middle;
  }
  return low;
}
