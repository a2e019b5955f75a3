import { numberAttribute } from "../../../tensor/definition.ts";
import type { Node } from "../../../tensor/graph.ts";
import { fixedBuffer, type PlacedBuffer } from "../buffers.ts";
import { FLOAT_SCRATCH_BYTES } from "../kernels/gemm-float.ts";
import { at, ELEMENT_BYTES, rowsTimes } from "../place.ts";
import type { Argument } from "../program.ts";
import type { LoweringContext } from "./context.ts";

const byRows = [{ begin: "begin", granule: 1 }];

export function lowerGatherRows(c: LoweringContext, node: Node): void {
  const [tableId, idsId] = node.inputs;
  const ids = c.place(idsId);
  const y = c.output(node);
  const common = { ids: at(ids), y: at(y), yStride: y.rowStride, begin: 0, end: rowsTimes(y, 1) };
  const gather = (kernel: string, table: PlacedBuffer, own: Readonly<Record<string, Argument>>): void =>
    c.kernel(kernel, { arguments: { ...common, ...own }, splits: byRows, reads: [ids, table], writes: [y] });
  if (!c.isWeight(tableId)) {
    const table = c.dense(tableId);
    gather("gatherRowsF32", table.buffer, { table: at(table), n: y.width });
    return;
  }
  const form = c.weightForm(tableId, "table");
  const { layout, address } = form;
  const table = fixedBuffer(form);
  if (layout.kind === "rows") {
    gather(`gatherRows${layout.element}`, table, { table: address, n: y.width });
    return;
  }
  c.needScratch(FLOAT_SCRATCH_BYTES);
  gather(`gatherPanels${layout.format.replace("_", "")}`, table, { w: address, k: y.width, scratch: "scratch" });
}

/** Written over a copy of x: x may be needed elsewhere. */
export function lowerSpliceRows(c: LoweringContext, node: Node): void {
  const [xId, rowsId, atId] = node.inputs;
  const rows = c.place(rowsId);
  const places = c.place(atId);
  const y = c.copyDense(c.place(xId));
  c.setPlace(node.outputs[0], y);
  c.kernel("spliceRows", {
    arguments: {
      rows: at(rows),
      rowsStride: rows.rowStride,
      at: at(places),
      y: at(y),
      yStride: y.rowStride,
      begin: 0,
      end: rowsTimes(rows, 1),
      bytes: y.width * ELEMENT_BYTES,
    },
    splits: byRows,
    reads: [rows, places],
    writes: [y],
  });
}

export function lowerMeanRows(c: LoweringContext, node: Node): void {
  const x = c.dense(node.inputs[0]);
  const y = c.output(node);
  c.kernel("meanRows", {
    arguments: {
      x: at(x),
      y: at(y),
      begin: 0,
      end: rowsTimes(y, 1),
      count: numberAttribute(node.attributes, "count"),
      n: y.width,
    },
    splits: byRows,
    reads: [x],
    writes: [y],
  });
}

export function lowerArgmax(c: LoweringContext, node: Node): void {
  const x = c.place(node.inputs[0]);
  const y = c.output(node);
  c.kernel("argmaxRows", {
    arguments: { x: at(x), xStride: x.rowStride, y: at(y), rowBegin: 0, rowEnd: rowsTimes(x, 1), n: x.width },
    splits: [{ begin: "rowBegin", granule: 1 }],
    reads: [x],
    writes: [y],
  });
}
