import { numberAttribute } from "../../../tensor/definition.ts";
import type { Node } from "../../../tensor/graph.ts";
import { fixedBuffer, type PlacedBuffer } from "../buffers.ts";
import { at, ELEMENT_BYTES, rowsTimes } from "../place.ts";
import type { Argument } from "../program.ts";
import type { WeightForm } from "../wasm-weight.ts";
import type { LoweringContext } from "./context.ts";

const GATHER_KERNELS: Readonly<Partial<Record<WeightForm["layout"], string>>> = {
  rowsF32: "gatherRowsF32",
  rowsF16: "gatherRowsF16",
  rowsBF16: "gatherRowsBF16",
};

const byRows = [{ begin: "begin", granule: 1 }];

interface Table {
  readonly kernel: string;
  readonly address: Argument;
  readonly buffer: PlacedBuffer;
}

/** A table is a weight in its stored type, or activations. */
function tableOf(c: LoweringContext, id: number): Table {
  if (!c.isWeight(id)) {
    const place = c.dense(id);
    return { kernel: "gatherRowsF32", address: at(place), buffer: place.buffer };
  }
  const form = c.weightForm(id, "table");
  const kernel = GATHER_KERNELS[form.layout] ?? "gatherRowsF32";
  return { kernel, address: form.address, buffer: fixedBuffer(form.address, form.bytes) };
}

export function lowerGatherRows(c: LoweringContext, node: Node): void {
  const table = tableOf(c, node.inputs[0]);
  const ids = c.place(node.inputs[1]);
  const y = c.output(node);
  c.kernel(table.kernel, {
    arguments: {
      table: table.address,
      ids: at(ids),
      y: at(y),
      yStride: y.rowStride,
      begin: 0,
      end: rowsTimes(y, 1),
      n: y.width,
    },
    splits: byRows,
    reads: [ids, table.buffer],
    writes: [y],
  });
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
