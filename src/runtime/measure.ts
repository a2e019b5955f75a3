import type { Backend, WeightSource } from "../tensor/backend.ts";
import { dim } from "../tensor/dim.ts";
import { record } from "../tensor/recorder.ts";

/** Rows, inputs and outputs of the measured product: one view's share of a vision layer. */
const ROWS = 256;
const WIDTH = 1152;
const FLOPS = 2 * ROWS * WIDTH * WIDTH;

/** Rate of float products on a backend, in operations a second: the best of as many rounds as fit in `budgetMs`. */
export async function measureRate(backend: Backend, nowMs: () => number, budgetMs: number): Promise<number> {
  const [rows, into, out] = [dim("T", ROWS), dim("D", WIDTH), dim("F", WIDTH)];
  const graph = record((ops) => {
    const x = ops.input<["T", "D"]>("x", "f32", rows, into);
    ops.output("y", ops.linear(x, { weight: ops.weight<["F", "D"]>("w", out, into) }));
  });
  using weight = await backend.upload(ones("w", WIDTH), { precision: "float", uses: ["linear"] });
  using executable = backend.lower(graph, { weights: { w: weight }, label: "measurement" });
  const x = new Float32Array(ROWS * WIDTH).fill(1);
  await executable.run({ inputs: { x } });
  let best = 0;
  const endMs = nowMs() + budgetMs;
  do {
    const startedMs = nowMs();
    await executable.run({ inputs: { x } });
    best = Math.max(best, FLOPS / Math.max(nowMs() - startedMs, 1e-3));
  } while (nowMs() < endMs);
  return best * 1000;
}

function ones(name: string, width: number): WeightSource {
  return {
    name,
    type: "F32",
    shape: [width, width],
    readRows: async (begin, end) => new Uint8Array(new Float32Array((end - begin) * width).fill(1).buffer),
  };
}
