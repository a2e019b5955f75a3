/** Seeded stream of random numbers; the only source of randomness in this library. */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  next(): number;
  /** Uniform integer in [0, below). */
  below(below: number): number;
  /** Standard normal. */
  normal(): number;
}

/** xoshiro128** (Blackman and Vigna 2018) seeded through splitmix32. Equal seeds give equal streams on every platform. */
export function seededRandom(seed: number): Random {
  const state = seedState(seed);
  const next = (): number => nextUint32(state) / 2 ** 32;
  return {
    next,
    below: (below) => Math.floor(next() * below),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}

function seedState(seed: number): Uint32Array {
  const state = new Uint32Array(4);
  let z = seed >>> 0;
  for (let i = 0; i < 4; i++) {
    z = (z + 0x9e3779b9) >>> 0;
    let t = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    t = Math.imul(t ^ (t >>> 15), 0x735a2d97);
    state[i] = t ^ (t >>> 15);
  }
  return state;
}

function nextUint32(s: Uint32Array): number {
  const x = Math.imul(s[1], 5);
  const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
  const t = s[1] << 9;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = (s[3] << 11) | (s[3] >>> 21);
  return result;
}
