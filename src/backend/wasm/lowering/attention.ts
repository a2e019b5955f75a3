import { numberAttribute } from "../../../tensor/definition.ts";
import type { Node, ValueId } from "../../../tensor/graph.ts";
import { attentionScratchBytes } from "../kernels/attention-f32.ts";
import { attentionInt8ScratchBytes } from "../kernels/attention-int8.ts";
import { at, ELEMENT_BYTES, floatBits, type Place, rowsTimes } from "../place.ts";
import type { LoweringContext } from "./context.ts";
import { lowerOnHost } from "./host.ts";

const SPLITS = [
  { begin: "rowBegin", granule: 16 },
  { begin: "groupBegin", granule: 1 },
];

function queryArguments(q: Place, y: Place) {
  return {
    q: at(q),
    qHeadStride: q.headStride,
    qRowStride: q.rowStride,
    y: at(y),
    yHeadStride: y.headStride,
    yRowStride: y.rowStride,
  };
}

function rangeArguments(
  q: Place,
  { groupCount, spans, scale }: { readonly groupCount: number; readonly spans: Place; readonly scale: number },
) {
  return {
    rowBegin: 0,
    rowEnd: rowsTimes(q, 1),
    groupBegin: 0,
    groupEnd: groupCount,
    groupSize: q.headCount / groupCount,
    headWidth: q.width,
    spans: at(spans),
    scaleBits: floatBits(scale),
    scratch: "scratch" as const,
  };
}

// the kernels read heads in vectors of this many floats
const HEAD_GRANULE = 8;

// every piece packs all keys anew: whole groups first, then blocks of rows as long as the kernel's own
const INT8_SPLITS = [
  { begin: "groupBegin", granule: 1 },
  { begin: "rowBegin", granule: 384 },
];

export function lowerAttention(c: LoweringContext, node: Node): void {
  const width = c.value(node.inputs[0]).dims[2].capacity;
  if (width % HEAD_GRANULE !== 0) {
    lowerOnHost(c, node);
    return;
  }
  const [q, k, v, spans] = node.inputs.map((id) => c.place(id));
  const y = c.output(node);
  const isInteger = c.precision === "integer";
  const mean = isInteger ? keyMeans(c, node.inputs[1]) : undefined;
  c.needScratch(isInteger ? attentionInt8ScratchBytes(q.width) : attentionScratchBytes(q.width));
  c.kernel(isInteger ? "attentionInt8" : "attentionF32", {
    arguments: {
      ...queryArguments(q, y),
      k: at(k),
      kHeadStride: k.headStride,
      kRowStride: k.rowStride,
      v: at(v),
      vHeadStride: v.headStride,
      vRowStride: v.rowStride,
      ...rangeArguments(q, { groupCount: k.headCount, spans, scale: numberAttribute(node.attributes, "scale") }),
      ...(mean === undefined ? {} : { keyCount: rowsTimes(k, 1), keyMean: at(mean) }),
    },
    splits: isInteger ? INT8_SPLITS : SPLITS,
    reads: [q, k, v, spans, ...(mean === undefined ? [] : [mean])],
    writes: [y],
  });
}

/** What all keys of a group share takes their seven bits away: it is taken off, and the softmax does not see it. */
function keyMeans(c: LoweringContext, id: ValueId): Place {
  const k = c.place(id);
  return c.shared(`key means ${id}`, () => {
    const buffer = c.arena(k.headCount * k.width * ELEMENT_BYTES);
    const mean: Place = { ...k, buffer, offsetBytes: 0, rows: undefined };
    c.kernel("keyMeans", {
      arguments: {
        k: at(k),
        kHeadStride: k.headStride,
        kRowStride: k.rowStride,
        count: rowsTimes(k, 1),
        groupBegin: 0,
        groupEnd: k.headCount,
        headWidth: k.width,
        keyMean: at(mean),
      },
      splits: [{ begin: "groupBegin", granule: 1 }],
      reads: [k],
      writes: [mean],
    });
    return mean;
  });
}

export function lowerAttentionCached(c: LoweringContext, node: Node): void {
  const [qId, keysId, valuesId, tableId, rowsId] = node.inputs;
  const q = c.place(qId);
  const spans = c.place(rowsId);
  const table = c.place(tableId);
  const keys = c.state(keysId);
  const values = c.state(valuesId);
  const [, groups, width] = c.value(keysId).dims;
  const bytes = keys.dtype === "f16" ? 2 : ELEMENT_BYTES;
  const y = c.output(node);
  c.needScratch(attentionScratchBytes(q.width));
  c.kernel(keys.dtype === "f16" ? "attentionCachedF16" : "attentionCachedF32", {
    arguments: {
      ...queryArguments(q, y),
      k: keys.address,
      v: values.address,
      slotStride: groups.capacity * width.capacity * bytes,
      headStride: width.capacity * bytes,
      table: at(table),
      tablePages: c.value(tableId).dims[1].capacity,
      pageSize: numberAttribute(node.attributes, "pageSize"),
      ...rangeArguments(q, {
        groupCount: groups.capacity,
        spans,
        scale: numberAttribute(node.attributes, "scale"),
      }),
    },
    splits: SPLITS,
    reads: [q, spans, table, keys.buffer, values.buffer],
    writes: [y],
  });
}

export function lowerAppendRows(c: LoweringContext, node: Node): void {
  const [cacheId, rowsId, slotsId] = node.inputs;
  const cache = c.state(cacheId);
  const rows = c.place(rowsId);
  const slots = c.place(slotsId);
  const bytes = cache.dtype === "f16" ? 2 : ELEMENT_BYTES;
  c.donate(node, 0, cache);
  c.kernel(cache.dtype === "f16" ? "appendF16" : "appendF32", {
    arguments: {
      rows: at(rows),
      rowsHeadStride: rows.headStride,
      rowsRowStride: rows.rowStride,
      cache: cache.address,
      slotStride: rows.headCount * rows.width * bytes,
      headStride: rows.width * bytes,
      slots: at(slots),
      rowBegin: 0,
      rowEnd: rowsTimes(rows, 1),
      groupBegin: 0,
      groupEnd: rows.headCount,
      headWidth: rows.width,
    },
    splits: [{ begin: "rowBegin", granule: 1 }],
    reads: [rows, slots],
    writes: [cache.buffer],
  });
}
