import { afterAll, beforeAll, expect, test } from "vitest";
import { createWasmBackend } from "../../src/backend/wasm/wasm-backend.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Backend, InputData, Precision, RunResult } from "../../src/tensor/backend.ts";
import { dim } from "../../src/tensor/dim.ts";
import type { Graph } from "../../src/tensor/graph.ts";
import { record } from "../../src/tensor/recorder.ts";
import { dequantise } from "../../src/weights/quant/dequantise.ts";
import { nmse } from "./run-case.ts";

let backend: Backend;
beforeAll(async () => {
  backend = await createWasmBackend({ decode: dequantise });
});
afterAll(() => backend[Symbol.dispose]());

const [HEADS, GROUPS, WIDTH, PAGE] = [4, 2, 16, 8];
const [QUERY, KEY] = [HEADS * WIDTH, GROUPS * WIDTH];

const floats = (count: number, seed: number): Float32Array => {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal());
};

/** Rows [begin, end) of a matrix. */
const rowsOf = (x: Float32Array, width: number, begin: number, end: number) => x.slice(begin * width, end * width);

const [H, G, C, Y] = [dim("H", HEADS), dim("G", GROUPS), dim("C", WIDTH), dim("Y", 2)];

const fullAttention = record((ops) => {
  const T = dim("T", 64, "rows");
  const q = ops.splitHeads(ops.input<["T", "A"]>("q", "f32", T, dim("A", QUERY)), H, C);
  const k = ops.splitHeads(ops.input<["T", "K"]>("k", "f32", T, dim("K", KEY)), G, C);
  const v = ops.splitHeads(ops.input<["T", "K"]>("v", "f32", T, dim("K", KEY)), G, C);
  const y = ops.attention(q, k, v, { spans: ops.input<["T", "Y"]>("spans", "i32", T, Y), scale: 0.25 });
  ops.output("y", ops.mergeHeads(y, dim("A", QUERY)));
});

const cachedAttention = record((ops) => {
  const T = dim("T", 64, "rows");
  const row = (name: string) => ops.splitHeads(ops.input<["T", "K"]>(name, "f32", T, dim("K", KEY)), G, C);
  const slots = ops.input<["T"]>("slots", "i32", T);
  const cache = (name: string) => ops.state<["L", "G", "C"]>(name, "f32", dim("L", 64), G, C);
  const keys = ops.append(cache("keys"), row("k"), slots);
  const values = ops.append(cache("values"), row("v"), slots);
  ops.update("keys", keys);
  ops.update("values", values);
  const q = ops.splitHeads(ops.input<["T", "A"]>("q", "f32", T, dim("A", QUERY)), H, C);
  const table = ops.input<["B", "S"]>("table", "i32", dim("B", 1), dim("S", 8));
  const rows = ops.input<["T", "Y"]>("lengths", "i32", T, Y);
  const y = ops.attentionCached(q, { keys, values, table, rows, scale: 0.25, pageSize: PAGE });
  ops.output("y", ops.mergeHeads(y, dim("A", QUERY)));
});

const TABLE = [3, 7, 0, 5, 1, 6, 2, 4];

async function replay(
  graph: Graph,
  steps: readonly { readonly rows: number; readonly inputs: Readonly<Record<string, InputData>> }[],
  precision: Precision = "float",
): Promise<RunResult[]> {
  using owned = new DisposableStack();
  const states = Object.fromEntries(
    Object.keys(graph.states).map((name) => [name, owned.use(backend.createState(graph, name))]),
  );
  const executable = owned.use(backend.lower(graph, { weights: {}, states, precision }));
  const results: RunResult[] = [];
  for (const { rows, inputs } of steps) results.push(await executable.run({ extents: { rows }, inputs }));
  return results;
}

function joined(results: readonly RunResult[]): Float32Array {
  return Float32Array.from(results.flatMap(({ y }) => [...y]));
}

const COUNT = 50;
const q = floats(COUNT * QUERY, 1);
const k = floats(COUNT * KEY, 2);
const v = floats(COUNT * KEY, 3);

/** The cached graph over all rows, cut into steps of the given lengths. */
function cachedSteps(lengths: readonly number[]) {
  let begin = 0;
  return lengths.map((rows) => {
    const positions = Array.from({ length: rows }, (_, i) => begin + i);
    const inputs = {
      q: rowsOf(q, QUERY, begin, begin + rows),
      k: rowsOf(k, KEY, begin, begin + rows),
      v: rowsOf(v, KEY, begin, begin + rows),
      table: Int32Array.from(TABLE),
      slots: Int32Array.from(positions, (p) => TABLE[Math.floor(p / PAGE)] * PAGE + (p % PAGE)),
      lengths: Int32Array.from(positions.flatMap((p) => [0, p + 1])),
    };
    begin += rows;
    return { rows, inputs };
  });
}

const spansOf = (rows: number, span: (row: number) => readonly [number, number]) =>
  Int32Array.from(Array.from({ length: rows }, (_, n) => span(n)).flat());

// bugs: a stale page, an order of sums that depends on where a key lies, an off-by-one in what a row may see
test("cached attention over scattered pages equals causal attention", async () => {
  const spans = spansOf(COUNT, (row) => [0, row + 1]);
  const [full] = await replay(fullAttention, [{ rows: COUNT, inputs: { q, k, v, spans } }]);
  const [cached] = await replay(cachedAttention, cachedSteps([COUNT]));
  expect(nmse(cached.y, full.y)).toBeLessThan(1e-12);
});

// bug: a prefill cut elsewhere, or a decode step, that gives other bits
test.each([[[1, 49]], [[13, 37]], [[32, 17, 1]], [Array.from({ length: COUNT }, () => 1)]])(
  "steps of %j give the same bits as one step",
  async (lengths) => {
    const whole = joined(await replay(cachedAttention, cachedSteps([COUNT])));
    expect(joined(await replay(cachedAttention, cachedSteps(lengths)))).toEqual(whole);
  },
);

// bug: a view that sees patches of its neighbour, or whose answer depends on where it lies in the pack
test.each([
  ["float", 1e-12],
  ["integer", 1e-3],
] as const)("packed views equal separate views on the %s path", async (precision, limit) => {
  const cuts = [0, 7, 40, COUNT];
  const viewOf = (row: number): readonly [number, number] => {
    const end = cuts.findIndex((cut) => row < cut);
    return [cuts[end - 1], cuts[end]];
  };
  const packed = await replay(
    fullAttention,
    [{ rows: COUNT, inputs: { q, k, v, spans: spansOf(COUNT, viewOf) } }],
    precision,
  );
  const separate = await replay(
    fullAttention,
    cuts.slice(1).map((end, i) => {
      const begin = cuts[i];
      const inputs = {
        q: rowsOf(q, QUERY, begin, end),
        k: rowsOf(k, KEY, begin, end),
        v: rowsOf(v, KEY, begin, end),
        spans: spansOf(end - begin, () => [0, end - begin]),
      };
      return { rows: end - begin, inputs };
    }),
    precision,
  );
  expect(nmse(packed[0].y, joined(separate))).toBeLessThan(limit);
});
