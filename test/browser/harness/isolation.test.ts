import { expect, test } from "vitest";

// Without these headers every threaded kernel falls back to one thread, and the browser project would prove nothing about threads.
test("the page is cross-origin isolated and shares memory", () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
  expect(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer).toBeInstanceOf(SharedArrayBuffer);
});

// Catches a Chromium too old for the fast kernels: the parity cases would then quietly run the plain ones only.
test("the browser validates relaxed SIMD", () => {
  const relaxedDot = [
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15, 65, 0, 253, 15,
    253, 146, 2, 11,
  ];
  expect(WebAssembly.validate(new Uint8Array(relaxedDot))).toBe(true);
});
