/** What this browser offers, found by trying and not by its name. */
export interface DeviceFacts {
  readonly cores: number;
  readonly isIsolated: boolean;
  readonly hasRelaxedSimd: boolean;
}

// a module of one function that uses i32x4.relaxed_dot_i8x16_i7x16_add_s
const RELAXED_DOT = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15,
  253, 146, 2, 11,
];

export function deviceFacts(): DeviceFacts {
  return {
    cores: navigator.hardwareConcurrency,
    isIsolated: globalThis.crossOriginIsolated === true,
    hasRelaxedSimd: WebAssembly.validate(new Uint8Array(RELAXED_DOT)),
  };
}
