/** Bytes of `(module (func (result v128|i32) …))`: valid exactly where the engine knows the instructions. */
function moduleWith(
  resultType: number,
  code: readonly number[],
  memory: readonly number[] = [],
): Uint8Array<ArrayBuffer> {
  const body = [0, ...code, 0x0b];
  const section = (id: number, content: readonly number[]): number[] => [id, content.length, ...content];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 0, 1, resultType]),
    ...section(3, [1, 0]),
    ...(memory.length > 0 ? section(5, memory) : []),
    ...section(10, [1, body.length, ...body]),
  ]);
}

const V128 = 0x7b;
const I32 = 0x7f;
const splat = [0x41, 1, 0xfd, 15]; // i32.const 1, i8x16.splat

const PROBES = {
  "128-bit SIMD": moduleWith(V128, splat),
  "relaxed integer dot product": moduleWith(V128, [...splat, ...splat, 0xfd, 0x92, 2]),
  "threads and atomics": moduleWith(I32, [0x41, 0, 0xfe, 0x10, 2, 0], [1, 3, 1, 1]),
} as const;

/** Which of the instruction groups that kernels use this engine knows, found by validating tiny modules. */
export function wasmFeatures(): readonly { readonly name: string; readonly found: boolean }[] {
  return Object.entries(PROBES).map(([name, bytes]) => ({ name, found: WebAssembly.validate(bytes) }));
}
