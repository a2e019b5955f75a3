import type { Node } from "../../../tensor/graph.ts";
import { fixedBuffer } from "../buffers.ts";
import { at, rowsTimes } from "../place.ts";
import type { LoweringContext } from "./context.ts";

/** y = x Wᵀ + b, and x W with the weight packed transposed: the same kernel. */
export function lowerLinear(c: LoweringContext, node: Node): void {
  const [x, weightId, biasId] = node.inputs;
  const form = c.weightForm(weightId, node.op === "linear" ? "linear" : "transposed");
  const from = c.place(x);
  const y = c.output(node);
  const bias = biasId === undefined ? undefined : c.dense(biasId);
  const weight = fixedBuffer(form.address, form.bytes);
  c.kernel("gemmF32", {
    arguments: {
      x: at(from),
      xStride: from.rowStride,
      w: form.address,
      bias: bias === undefined ? 0 : at(bias),
      y: at(y),
      yStride: y.rowStride,
      rowBegin: 0,
      rowEnd: rowsTimes(from, 1),
      columnBegin: 0,
      columnEnd: y.width,
      k: from.width,
      flags: 0,
    },
    splits: [
      { begin: "columnBegin", granule: 64 },
      { begin: "rowBegin", granule: 96 },
    ],
    reads: bias === undefined ? [from, weight] : [from, weight, bias],
    writes: [y],
  });
}
