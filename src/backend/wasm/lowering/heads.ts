import { numbersAttribute, stringAttribute } from "../../../tensor/definition.ts";
import type { Node } from "../../../tensor/graph.ts";
import { at, densePlace, ELEMENT_BYTES, isDense, type Place, rowsTimes } from "../place.ts";
import type { LoweringContext } from "./context.ts";
import { lowerOnHost } from "./host.ts";

/** Heads are kept inside their rows: splitting is a way of looking. */
export function lowerSplitHeads(c: LoweringContext, node: Node): void {
  const x = c.place(node.inputs[0]);
  const [heads, width] = node.dims;
  c.setPlace(node.outputs[0], {
    ...x,
    headCount: heads.capacity,
    width: width.capacity,
    headStride: heads.capacity === 1 ? 0 : width.capacity * ELEMENT_BYTES,
  });
}

export function lowerMergeHeads(c: LoweringContext, node: Node): void {
  const x = c.place(node.inputs[0]);
  const hasDenseHeads = x.headCount === 1 || x.headStride === x.width * ELEMENT_BYTES;
  const merged = hasDenseHeads ? x : c.dense(node.inputs[0]);
  c.setPlace(node.outputs[0], { ...merged, headCount: 1, headStride: 0, width: merged.width * merged.headCount });
}

/** Parts of the columns are views with an offset. */
export function lowerSplitColumns(c: LoweringContext, node: Node): void {
  const x = c.place(node.inputs[0]);
  let offsetBytes = x.offsetBytes;
  for (const [i, part] of node.dims.entries()) {
    c.setPlace(node.outputs[i], { ...x, offsetBytes, width: part.capacity });
    offsetBytes += part.capacity * ELEMENT_BYTES;
  }
}

export function lowerConcatColumns(c: LoweringContext, node: Node): void {
  const y = c.output(node);
  let offsetBytes = 0;
  for (const id of node.inputs) {
    const part = c.place(id);
    c.copy(part, { ...y, offsetBytes, width: part.width });
    offsetBytes += part.width * ELEMENT_BYTES;
  }
}

/** Rows joined side by side: the same bytes under another shape. */
export function lowerFoldRows(c: LoweringContext, node: Node): void {
  const x = c.place(node.inputs[0]);
  const packed = isDense(x) ? x : c.dense(node.inputs[0]);
  const { buffer, offsetBytes } = packed;
  const { dims } = c.value(node.outputs[0]);
  c.setPlace(node.outputs[0], { ...densePlace(buffer, dims), offsetBytes });
}

// the kernels turn this many pairs at once
const PAIR_GRANULE = 4;

/** Angles of a step are computed once for all layers and heads that share positions and frequencies. */
export function lowerRotary(c: LoweringContext, node: Node): void {
  if (numbersAttribute(node.attributes, "inverseFrequencies").length % PAIR_GRANULE !== 0) {
    lowerOnHost(c, node);
    return;
  }
  const [xId, positionsId] = node.inputs;
  const x = c.place(xId);
  const y = c.output(node);
  const frequencies = numbersAttribute(node.attributes, "inverseFrequencies");
  const isInverse = node.attributes.isInverse === true;
  const table = rotaryTable(c, { positionsId, frequencies, isInverse });
  c.kernel(stringAttribute(node.attributes, "pairing") === "adjacent" ? "rotaryAdjacent" : "rotaryHalf", {
    arguments: {
      x: at(x),
      xHeadStride: x.headStride,
      xRowStride: x.rowStride,
      y: at(y),
      yHeadStride: y.headStride,
      yRowStride: y.rowStride,
      headBegin: 0,
      headEnd: x.headCount,
      rowBegin: 0,
      rowEnd: rowsTimes(x, 1),
      headWidth: x.width,
      pairs: frequencies.length,
      table: at(table),
    },
    splits: [
      { begin: "rowBegin", granule: 1 },
      { begin: "headBegin", granule: 1 },
    ],
    reads: [x, table],
    writes: [y],
  });
}

interface RotaryTable {
  readonly positionsId: number;
  readonly frequencies: readonly number[];
  readonly isInverse: boolean;
}

function rotaryTable(c: LoweringContext, { positionsId, frequencies, isInverse }: RotaryTable): Place {
  const positions = c.place(positionsId);
  const pairs = frequencies.length;
  return c.shared(`rotary ${positionsId} ${isInverse} ${frequencies.join(" ")}`, () => {
    const constants = c.constant(Float32Array.from(frequencies));
    const width = 2 * pairs;
    const capacity = positions.rows?.capacity ?? 1;
    const rowStride = width * ELEMENT_BYTES;
    const table: Place = { ...positions, buffer: c.arena(capacity * rowStride), offsetBytes: 0, rowStride, width };
    c.kernel("rotaryTable", {
      arguments: {
        positions: at(positions),
        frequencies: { buffer: constants, offsetBytes: 0 },
        pairs,
        table: at(table),
        rowBegin: 0,
        rowEnd: rowsTimes(positions, 1),
        isInverse: isInverse ? 1 : 0,
      },
      splits: [{ begin: "rowBegin", granule: 1 }],
      reads: [positions, constants],
      writes: [table],
    });
    return table;
  });
}
