import { expect, test } from "vitest";
import { UnsupportedError } from "../base/errors.ts";
import type { Backend, Executable } from "../tensor/backend.ts";
import { oracleBackend } from "../tensor/oracle-backend.ts";
import { SelfTestError } from "./errors.ts";
import { createBackend, selfTest } from "./registry.ts";

const decode = (_type: string, bytes: Uint8Array): Float32Array => new Float32Array(bytes.slice().buffer);

/** The oracle, with its answers changed. */
function spoiled(spoil: (right: number, i: number) => number): Backend {
  const right = oracleBackend(decode);
  const lower = (...[graph, options]: Parameters<Backend["lower"]>): Executable => {
    const executable = right.lower(graph, options);
    return {
      ...executable,
      label: executable.label,
      workspaceBytes: 0,
      run: async (bindings) => {
        const { y } = await executable.run(bindings);
        return { y: Float32Array.from(y).map(spoil) };
      },
      [Symbol.dispose]: () => executable[Symbol.dispose](),
    };
  };
  return { ...right, lower };
}

// bug: a driver that computes garbage is used, and every answer is noise
test.each([
  ["one wrong number", (right: number, i: number) => (i === 7 ? right + 1 : right)],
  ["not a number", (right: number, i: number) => (i === 23 ? Number.NaN : right)],
  ["nothing but zeros", () => 0],
] as const)("a backend that answers the known product with %s is refused", async (_what, spoil) => {
  await expect(selfTest(spoiled(spoil))).rejects.toThrow(SelfTestError);
  await expect(selfTest(spoiled(spoil))).rejects.toThrow(/oracle computed .+ where -?\d+ is right/);
});

test("a backend that computes passes, and says which ops it lacks", async () => {
  // bug: a self-test that refuses everything
  await selfTest(oracleBackend(decode));
  using backend = await createBackend("wasm", { decode });
  expect(backend.info.unsupported).toEqual({});
});

// bug: kernels of the 8-bit path that compute garbage, under an experimental compiler say, pass because only floats are tried
test("a backend whose 8-bit path alone is wrong is refused", async () => {
  const right = oracleBackend(decode);
  const wrong = spoiled((value) => value * 1.5);
  const lower = (...[graph, options]: Parameters<Backend["lower"]>): Executable =>
    (options.precision === "integer" ? wrong : right).lower(graph, options);
  await expect(selfTest({ ...right, lower })).rejects.toThrow(SelfTestError);
});

// bug: a backend that is not there ends as a TypeError, or as silence on another backend
test.each(["webgpu", "onnx"] as const)("%s answers that it is not built yet", async (name) => {
  await expect(createBackend(name, { decode })).rejects.toThrow(UnsupportedError);
  await expect(createBackend(name, { decode })).rejects.toThrow(/not built yet/);
});

// bug: a probe that is skipped, so that missing SIMD ends in a CompileError
test("an engine without SIMD is refused with what to use instead", async () => {
  await expect(createBackend("wasm", { decode, features: { simd: false } })).rejects.toMatchObject({
    code: "E_UNSUPPORTED",
    hint: expect.stringMatching(/Node 20/),
  });
});
