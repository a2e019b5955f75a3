import { expect, test } from "vitest";
import { dim } from "./dim.ts";
import { ShapeError } from "./errors.ts";
import { interpret } from "./oracle.ts";
import { cost, plan } from "./planner.ts";
import { record, startRecording } from "./recorder.ts";

const P = dim("P", 8, "patches");
const E = dim("E", 4);

// would catch: two row axes of equal length, one of views and one of text, added by mistake
test("axes of equal length but different slots do not meet", () => {
  const other = dim("P", 8, "others");
  expect(() =>
    record((ops) => {
      ops.add(ops.input("a", "f32", P, E), ops.input("b", "f32", other, E));
    }),
  ).toThrow(/P≤8\(patches\).*P≤8\(others\)/);
});

test("a weight of another width is refused with both dims named", () => {
  const wide = dim("E", 5);
  expect(() =>
    record((ops) => {
      ops.linear(ops.input("x", "f32", P, E), { weight: ops.weight("w", dim("F", 3), wide) });
    }),
  ).toThrow(/E=4.*E=5/);
});

test("a weight asked for twice is one value, and a second shape is refused", () => {
  const { ops } = startRecording();
  const first = ops.weight("w", E, P);
  expect(ops.weight("w", E, P).id).toBe(first.id);
  expect(() => ops.weight("w", P, E)).toThrow(ShapeError);
});

test("run-time extents shorten every axis of their slot", () => {
  const graph = record((ops) => {
    const x = ops.input("x", "f32", P, E);
    ops.output("y", ops.linear(x, { weight: ops.weight("w", dim("F", 2), E) }));
  });
  const { outputs } = interpret(graph, {
    extents: { patches: 1 },
    inputs: { x: [1, 2, 3, 4] },
    weights: { w: [1, 0, 0, 0, 0, 0, 0, 1] },
  });
  expect(outputs.y).toEqual({ extents: [1, 2], data: Float64Array.of(1, 4) });
  expect(cost(graph, { patches: 1 }).flops).toBe(16);
});

// would catch: two values alive at once laid over one another
test("planned buffers of values that live together never overlap", () => {
  const graph = record((ops) => {
    let x = ops.input("x", "f32", P, E);
    const kept = ops.gelu(x);
    for (let i = 0; i < 6; i++) x = ops.add(ops.silu(x), kept);
    ops.output("y", x);
  });
  const { offsets, arenaBytes } = plan(graph);
  const bytes = 8 * 4 * 4;
  expect(arenaBytes).toBe(3 * bytes);
  for (const node of graph.nodes) {
    const at = [...node.inputs, ...node.outputs].map((id) => offsets[id]).filter((o) => o !== undefined);
    expect(new Set(at).size).toBe(at.length);
  }
});
