import type { Node } from "../../../tensor/graph.ts";
import { roundUp } from "../../../tensor/planner.ts";
import { fixedBuffer, type PlacedBuffer } from "../buffers.ts";
import { type ActivationKind, activationBytes } from "../kernels/quantise-activations.ts";
import { at, densePlace, type Place, rowsTimes } from "../place.ts";
import { linearKernel } from "../weight-layout.ts";
import type { LoweringContext } from "./context.ts";
import { uniformRows } from "./uniform-rows.ts";

// tiles of four rows share a record of quantised activations
const ROW_TILE = 4;

/**
 * y = x Wᵀ + b, and x W with the weight packed transposed. One kernel serves one row and many: it looks at the row count of
 * the replay.
 */
export function lowerLinear(c: LoweringContext, node: Node): void {
  const [xId, weightId, biasId] = node.inputs;
  const form = c.weightForm(weightId, node.op === "linear" ? "linear" : "transposed");
  const format = form.layout.kind === "panels" ? form.layout.format : form.layout.element;
  const { kernel, activations, scratchBytes } = linearKernel(format, c.weight(weightId).precision);
  const { x, stride } = uniformRows(c, xId);
  const y = c.output(node);
  const bias = biasId === undefined ? undefined : c.dense(biasId);
  const weight = fixedBuffer(form);
  const from = activations === undefined ? x.buffer : quantised(c, { xId, x, stride, kind: activations });
  if (scratchBytes > 0) c.needScratch(scratchBytes);
  c.kernel(kernel, {
    arguments: {
      ...(activations === undefined ? { x: at(x), xStride: stride } : { x: { buffer: from, offsetBytes: 0 } }),
      w: form.address,
      bias: bias === undefined ? 0 : at(bias),
      y: at(y),
      yStride: y.headCount === 1 ? y.rowStride : y.headStride,
      rowBegin: 0,
      rowEnd: rowsTimes(x, x.headCount),
      columnBegin: 0,
      columnEnd: y.width,
      k: x.width,
      flags: 0,
      ...(scratchBytes > 0 ? { scratch: "scratch" as const } : {}),
    },
    splits: [
      { begin: "columnBegin", granule: 64 },
      { begin: "rowBegin", granule: 96 },
    ],
    reads: bias === undefined ? [from, weight] : [from, weight, bias],
    writes: [y],
  });
}

interface Activations {
  readonly xId: number;
  readonly x: Place;
  readonly stride: number;
  readonly kind: ActivationKind;
}

/** The explicit quantising step; shared by all linears that read the same value in the same blocks (q, k and v). */
function quantised(c: LoweringContext, { xId, x, stride, kind }: Activations): PlacedBuffer {
  return c.shared(`${kind} ${xId}`, () => {
    const rows = (x.rows?.capacity ?? 1) * x.headCount;
    const buffer = c.arena(activationBytes(kind, roundUp(rows, ROW_TILE), x.width));
    c.kernel(QUANTISERS[kind], {
      arguments: {
        x: at(x),
        xStride: stride,
        y: { buffer, offsetBytes: 0 },
        rowBegin: 0,
        rowEnd: rowsTimes(x, x.headCount),
        k: x.width,
      },
      splits: [{ begin: "rowBegin", granule: ROW_TILE }],
      reads: [x],
      writes: [buffer],
    });
    return { ...densePlace(buffer, []), rows: x.rows };
  }).buffer;
}

const QUANTISERS: Readonly<Record<ActivationKind, string>> = {
  i8x256: "quantiseI8x256",
  i8x32: "quantiseI8x32",
  u7x32: "quantiseU7x32",
  u7x128: "quantiseU7x128",
};
