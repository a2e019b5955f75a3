import { ImageCorruptError } from "../errors.ts";
import type { ScanBand } from "./block-coders.ts";
import { type HuffmanTable, huffmanTable } from "./huffman.ts";
import type { JpegFrame } from "./jpeg-frame.ts";
import type { JpegTables } from "./jpeg-markers.ts";
import type { ScanComponent, ScanHeader } from "./scan.ts";

/** SOS: which components, which tables, which band. Latches the quantisation tables of components seen first here. */
export function readScanHeader(
  payload: Uint8Array,
  frame: JpegFrame,
  tables: JpegTables,
  restartInterval: number,
): ScanHeader {
  const count = payload[0];
  if (payload.length === 0 || count === 0 || count > 4 || payload.length < 4 + count * 2) {
    throw new ImageCorruptError("The JPEG has a malformed scan header.");
  }
  const [start, end, approximation] = payload.subarray(1 + count * 2);
  const band = frame.isProgressive
    ? progressiveBand(start, end, approximation, count)
    : { start: 0, end: 63, low: 0, isRefinement: false };
  const members = Array.from({ length: count }, (_, i): ScanComponent => {
    const component = frame.components.find(({ id }) => id === payload[1 + i * 2]);
    if (component === undefined)
      throw new ImageCorruptError("The JPEG has a scan of a component that it does not define.");
    component.quant ??= tables.quant[component.quantIndex];
    if (component.quant === undefined) throw new ImageCorruptError("The JPEG lacks a quantisation table.");
    const selector = payload[2 + i * 2];
    const needsDc = band.start === 0 && !band.isRefinement;
    const needsAc = band.end > 0;
    return {
      component,
      tables: {
        dc: needsDc ? defined(tables.dc[selector >> 4]) : NO_TABLE,
        ac: needsAc ? defined(tables.ac[selector & 15]) : NO_TABLE,
      },
    };
  });
  if (new Set(members.map(({ component }) => component)).size < count) {
    throw new ImageCorruptError("The JPEG has a scan that names a component twice.");
  }
  return { members, band, restartInterval };
}

function progressiveBand(start: number, end: number, approximation: number, count: number): ScanBand {
  const [high, low] = [approximation >> 4, approximation & 15];
  const isDc = start === 0 && end === 0;
  const isAc = start > 0 && start <= end && end < 64 && count === 1;
  const isStep = high === 0 ? low <= 13 : low === high - 1;
  if (!(isDc || isAc) || !isStep) {
    throw new ImageCorruptError(`The JPEG has a progressive scan ${start}…${end}, bits ${high}→${low}.`);
  }
  return { start, end, low, isRefinement: high > 0 };
}

function defined(table: HuffmanTable | undefined): HuffmanTable {
  if (table === undefined) throw new ImageCorruptError("The JPEG lacks a Huffman table.");
  return table;
}

// scans that never read a table get one without codes
const NO_TABLE = huffmanTable(new Uint8Array(16), new Uint8Array(0));
