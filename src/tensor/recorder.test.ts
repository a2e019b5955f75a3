import { expect, test } from "vitest";
import { type DimOf, dim } from "./dim.ts";
import { ShapeError } from "./errors.ts";
import type { Ops } from "./ops.ts";
import { interpret } from "./oracle.ts";
import { cost, plan } from "./planner.ts";
import { record, startRecording } from "./recorder.ts";
import type { Tensor } from "./tensor.ts";

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
  // a row of 4 into 2, and what is read and written: the row, the weight, the answer
  expect(cost(graph, { patches: 1 })).toEqual({ flops: 16, bytes: 4 * (4 + 8 + 2) });
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

const [T, D, H, G, C, Y] = [dim("T", 6, "rows"), dim("D", 12), dim("H", 4), dim("G", 2), dim("C", 3), dim("Y", 2)];
const [A, B, L, V, X] = [dim("A", 12), dim("B", 1), dim("L", 8), dim("V", 7), dim("X", 5)];

const rowsOf = (ops: Ops, name: string): Tensor<["T", "D"]> => ops.input<["T", "D"]>(name, "f32", T, D);
const rowIds = (ops: Ops, name: string, count = T): Tensor<["T"]> => ops.input<["T"]>(name, "i32", count);
const headsOf = <N extends "H" | "G">(ops: Ops, name: string, heads: DimOf<N>, rows = T, width = C) =>
  ops.splitHeads(ops.input<["T", "K"]>(name, "f32", rows, dim("K", heads.capacity * width.capacity)), heads, width);
const spansOf = (ops: Ops, rows = T): Tensor<["T", "Y"]> => ops.input<["T", "Y"]>("spans", "i32", rows, Y);

/** Recordings whose axis types agree and whose dims do not: what only the recorder can see. */
const MISMATCHES: Readonly<Record<string, readonly [mistake: (ops: Ops) => void, names: RegExp]>> = {
  "a bias of another width": [
    (ops) => {
      const weight = ops.weight<["F", "D"]>("w", dim("F", 5), D);
      ops.linear(rowsOf(ops, "x"), { weight, bias: ops.weight<["F"]>("b", dim("F", 6)) });
    },
    /F=5.*F=6/,
  ],
  "x @ W of another width": [
    (ops) => void ops.transposedLinear(rowsOf(ops, "x"), { transposedWeight: ops.weight("w", dim("D", 13), V) }),
    /D=12.*D=13/,
  ],
  "an attention output that is not the model's width": [
    (ops) => {
      const mixed = ops.mergeHeads(headsOf(ops, "q", H), A);
      ops.linear(mixed, { weight: ops.weight<["D", "A"]>("o", D, dim("A", 8)) });
    },
    /A=12.*A=8/,
  ],
  "a norm of another width": [
    (ops) => void ops.rmsNorm(rowsOf(ops, "x"), ops.weight<["D"]>("w", dim("D", 11)), 1e-6),
    /D=12.*D=11/,
  ],
  "a row of another width": [
    (ops) => void ops.addRow(rowsOf(ops, "x"), ops.weight<["D"]>("row", dim("D", 1))),
    /D=12.*D=1\b/,
  ],
  "heads that do not make the width": [
    (ops) => void ops.splitHeads(rowsOf(ops, "x"), H, dim("C", 4)),
    /4 heads of 4.*D=12/,
  ],
  "heads joined to another width": [
    (ops) => void ops.mergeHeads(headsOf(ops, "x", H), dim("A", 13)),
    /4 heads of 3.*A=13/,
  ],
  "parts that do not make the whole": [
    (ops) => void ops.splitColumns(rowsOf(ops, "x"), [dim("A", 8), dim("K", 5)]),
    /13.*D=12/,
  ],
  "columns of other rows": [
    (ops) => {
      const other = ops.input<["T", "K"]>("y", "f32", dim("T", 6, "others"), dim("K", 2));
      ops.joinColumns(rowsOf(ops, "x"), other, dim("F", 14));
    },
    /T≤6\(rows\).*T≤6\(others\)/,
  ],
  "query heads that key-value heads cannot share": [
    (ops) => {
      const [k, v] = ["k", "v"].map((name) => headsOf(ops, name, dim("G", 3)));
      ops.attention(headsOf(ops, "q", H), k, v, { spans: spansOf(ops), scale: 1 });
    },
    /4 query heads.*3 key-value heads/,
  ],
  "keys of another head width": [
    (ops) => {
      const [k, v] = ["k", "v"].map((name) => headsOf(ops, name, G, T, dim("C", 4)));
      ops.attention(headsOf(ops, "q", H), k, v, { spans: spansOf(ops), scale: 1 });
    },
    /C=3.*C=4/,
  ],
  "values of other rows than the keys": [
    (ops) => {
      const [k, v] = [headsOf(ops, "k", G), headsOf(ops, "v", G, dim("T", 7, "rows"))];
      ops.attention(headsOf(ops, "q", H), k, v, { spans: spansOf(ops), scale: 1 });
    },
    /T≤6.*T≤7/,
  ],
  "spans of other rows than the queries": [
    (ops) => {
      const [k, v] = ["k", "v"].map((name) => headsOf(ops, name, G));
      ops.attention(headsOf(ops, "q", H), k, v, { spans: spansOf(ops, dim("T", 6)), scale: 1 });
    },
    /T≤6\(rows\).*T=6/,
  ],
  "rows appended to a cache of other heads": [
    (ops) => {
      const cache = ops.state<["L", "G", "C"]>("keys", "f16", L, dim("G", 4), C);
      ops.append(cache, headsOf(ops, "k", G), rowIds(ops, "slots"));
    },
    /G=4.*G=2/,
  ],
  "a cache of another head width": [
    (ops) => {
      const [keys, values] = ["keys", "values"].map((name) =>
        ops.state<["L", "G", "C"]>(name, "f16", L, G, dim("C", 8)),
      );
      const table = ops.input<["B", "S"]>("table", "i32", B, dim("S", 2));
      ops.attentionCached(headsOf(ops, "q", H), { keys, values, table, rows: spansOf(ops), scale: 1, pageSize: 4 });
    },
    /C=3.*C=8/,
  ],
  "positions of other rows": [
    (ops) => {
      const rotate = { inverseFrequencies: [1], pairing: "half" } as const;
      ops.rotary(headsOf(ops, "q", H), rowIds(ops, "at", dim("T", 6, "others")), rotate);
    },
    /T≤6\(rows\).*T≤6\(others\)/,
  ],
  "more frequencies than a head has pairs": [
    (ops) => {
      const rotate = { inverseFrequencies: [1, 0.5], pairing: "half" } as const;
      ops.rotary(headsOf(ops, "q", H), rowIds(ops, "at"), rotate);
    },
    /2 frequency pairs.*width 3/,
  ],
  "visual rows of another width": [
    (ops) => {
      const rows = ops.input<["R", "D"]>("rows", "f32", dim("R", 2), dim("D", 10));
      ops.spliceRows(rowsOf(ops, "x"), rows, ops.input<["R"]>("at", "i32", dim("R", 2)));
    },
    /D=12.*D=10/,
  ],
  "rows that do not fold": [
    (ops) => void ops.foldRows(rowsOf(ops, "x"), dim("W", 2), dim("M", 30)),
    /6 rows of 12.*2 rows of 30/,
  ],
  "groups that do not make the rows": [
    (ops) => void ops.meanRows(rowsOf(ops, "x"), dim("W", 2), 4),
    /6 rows.*2 groups of 4/,
  ],
  "taps of other channels": [
    (ops) => {
      const history = ops.state<["B", "X", "J"]>("history", "f32", B, X, dim("J", 3));
      const x = ops.input<["T", "X"]>("x", "f32", T, X);
      ops.causalConv(x, ops.weight("w", dim("X", 4), dim("J", 4)), history, rowIds(ops, "sequence"));
    },
    /X=5.*X=4/,
  ],
  "targets of other rows than the logits": [
    (ops) => {
      const logits = ops.input<["T", "V"]>("logits", "f32", T, V);
      ops.tokenLogProbability(logits, rowIds(ops, "targets", dim("T", 5, "rows")));
    },
    /T≤6.*T≤5/,
  ],
};

// would catch: a check left out of one op, so that the mistake shows as wrong numbers or as a trap in a kernel
test.each(Object.entries(MISMATCHES))("%s: refused while recording, both sides named", (_what, [mistake, names]) => {
  expect(() => record(mistake)).toThrow(ShapeError);
  expect(() => record(mistake)).toThrow(names);
});

// would catch: operands whose axes widen to a union, so that swapped axes pass the compiler
test("axes that differ do not compile", () => {
  const [N, M] = [dim("P", 4), dim("E", 4)];
  record((ops) => {
    const [a, b] = [ops.input<["P", "E"]>("a", "f32", N, M), ops.input<["E", "P"]>("b", "f32", M, N)];
    // @ts-expect-error: [E, P] is not [P, E]
    expect(() => ops.add(a, b)).toThrow(ShapeError);
    // @ts-expect-error: the weight reads P, the rows end in E
    expect(() => ops.linear(a, { weight: ops.weight<["F", "P"]>("w", dim("F", 3), N) })).toThrow(ShapeError);
  });
});
