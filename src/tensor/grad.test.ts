import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import type { OpDefinition } from "./definition.ts";
import { DEFINITIONS, type OpName } from "./definitions.ts";
import { dim } from "./dim.ts";
import { NotDifferentiableError } from "./errors.ts";
import { grad } from "./grad.ts";
import type { Graph } from "./graph.ts";
import { interpret } from "./oracle.ts";
import { record } from "./recorder.ts";
import { GRAD_CASES, gradCases, randomGradSizes } from "./testing/grad-cases.ts";

const size = (graph: Graph, id: number): number => graph.values[id].dims.reduce((n, d) => n * d.capacity, 1);

for (const name of Object.keys(GRAD_CASES)) {
  for (const seed of [1, 2, 3, 4]) {
    test(`grad equals central differences: ${name} (shape and values of seed ${seed})`, () => {
      const random = seededRandom(seed);
      const { model, integers } = gradCases(randomGradSizes(random))[name];
      const graph = record(model);
      const fill = (count: number): Float64Array => Float64Array.from({ length: count }, () => random.normal());
      const weights = Object.fromEntries(Object.entries(graph.weights).map(([n, id]) => [n, fill(size(graph, id))]));
      const inputs: Record<string, ArrayLike<number>> = { lossScale: [1] };
      for (const [n, id] of Object.entries(graph.inputs)) inputs[n] = integers?.[n] ?? fill(size(graph, id));
      const names = Object.keys(graph.weights);
      const result = interpret(grad(graph, "loss", names), { weights, inputs });
      const loss = (): number => interpret(graph, { weights, inputs }).outputs.loss.data[0];
      for (const n of names) {
        const analytic = result.outputs[`grad:${n}`].data;
        for (let i = 0; i < weights[n].length; i++) {
          const kept = weights[n][i];
          const step = 1e-5;
          weights[n][i] = kept + step;
          const above = loss();
          weights[n][i] = kept - step;
          const below = loss();
          weights[n][i] = kept;
          expect(analytic[i], `${n}[${i}]`).toBeCloseTo((above - below) / (2 * step), 6);
        }
      }
    });
  }
}

// would catch: an op that gains a derivative which no central difference and no backend is held to
test("every op with a derivative is in a case, and so is every op that derivatives are made of", () => {
  const graphs = Object.values(GRAD_CASES).map(({ model }) => record(model));
  const backward = graphs.map((graph) => grad(graph, "loss", Object.keys(graph.weights)));
  const used = new Set([...graphs, ...backward].flatMap(({ nodes }) => nodes.map(({ op }) => op)));
  const definitions: Readonly<Record<string, OpDefinition>> = DEFINITIONS;
  // a state op, or one whose training is not part of this release
  const refused = ["appendRows", "attentionCached", "causalConv", "deltaNet", "l2Norm", "argmax"];
  const expected = Object.keys(definitions).filter((op) => !refused.includes(op));
  expect(expected.filter((op) => !used.has(op as OpName))).toEqual([]);
  for (const op of refused) expect(typeof definitions[op].vjp, op).not.toBe("function");
});

// would catch: training silently through a cache whose old keys carry no gradient
test("grad refuses a loss that depends on a cache", () => {
  const [T, G, C, L] = [dim("T", 5), dim("G", 1), dim("C", 3), dim("L", 8)];
  const graph = record((ops) => {
    const rows = ops.splitHeads(ops.weight("x", T, dim("K", 3)), G, C);
    const cache = ops.append(ops.state("keys", "f32", L, G, C), rows, ops.input("slots", "i32", T));
    ops.update("keys", cache);
    ops.output("loss", ops.sumAll(cache));
  });
  expect(() => grad(graph, "loss", ["x"])).toThrow(NotDifferentiableError);
});
