import { ImageCorruptError } from "../errors.ts";
import { BitReader } from "./bit-reader.ts";
import { type BlockState, type BlockTables, blockCoder, type ScanBand } from "./block-coders.ts";
import type { JpegComponent, JpegFrame } from "./jpeg-frame.ts";

/** One component's part in a scan. */
export interface ScanComponent {
  readonly component: JpegComponent;
  readonly tables: BlockTables;
}

/** A parsed start-of-scan marker. */
export interface ScanHeader {
  readonly members: readonly ScanComponent[];
  readonly band: ScanBand;
  /** MCUs between restart markers, 0 for none. */
  readonly restartInterval: number;
}

/** Decodes one scan from `position`; returns the offset of the marker after it. Throws the image errors. */
export function decodeScan(bytes: Uint8Array, position: number, frame: JpegFrame, scan: ScanHeader): number {
  const reader = new BitReader(bytes, position);
  const isInterleaved = scan.members.length > 1;
  const alone = scan.members[0].component;
  const columns = isInterleaved ? frame.mcuColumns : alone.blockColumns;
  const rows = isInterleaved ? frame.mcuRows : alone.blockRows;
  const decodeUnit = isInterleaved ? interleavedUnit(reader, frame, scan) : singleUnit(reader, frame, scan);
  let untilRestart = scan.restartInterval;
  let restartIndex = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (scan.restartInterval > 0) {
        if (untilRestart === 0) {
          reader.restart(restartIndex);
          decodeUnit.reset();
          restartIndex = (restartIndex + 1) % 8;
          untilRestart = scan.restartInterval;
        }
        untilRestart -= 1;
      }
      decodeUnit.decode(row, column);
    }
  }
  return nextMarker(reader, bytes);
}

interface UnitDecoder {
  decode(row: number, column: number): void;
  reset(): void;
}

// a scan of one component runs over the blocks that hold samples, whatever its sampling factors (T.81 A.2.2)
function singleUnit(reader: BitReader, frame: JpegFrame, scan: ScanHeader): UnitDecoder {
  const { component, tables } = scan.members[0];
  const { coefficients, blockStride } = component;
  const coder = blockCoder(frame.isProgressive, scan.band);
  const state: BlockState = { prediction: 0, endOfBandRun: 0 };
  return {
    decode: (row, column) => coder(reader, tables, state, scan.band, coefficients, (row * blockStride + column) * 64),
    reset: () => {
      state.prediction = 0;
      state.endOfBandRun = 0;
    },
  };
}

function interleavedUnit(reader: BitReader, frame: JpegFrame, scan: ScanHeader): UnitDecoder {
  const coder = blockCoder(frame.isProgressive, scan.band);
  const members = scan.members.map((member) => ({ ...member, state: { prediction: 0, endOfBandRun: 0 } }));
  return {
    decode: (row, column) => {
      for (const { component, tables, state } of members) {
        const { horizontal, vertical, blockStride, coefficients } = component;
        for (let y = 0; y < vertical; y++) {
          let at = ((row * vertical + y) * blockStride + column * horizontal) * 64;
          for (let x = 0; x < horizontal; x++) {
            coder(reader, tables, state, scan.band, coefficients, at);
            at += 64;
          }
        }
      }
    },
    reset: () => {
      for (const { state } of members) state.prediction = 0;
    },
  };
}

// a file cut off right after its last block is still a whole picture
function nextMarker(reader: BitReader, bytes: Uint8Array): number {
  try {
    const code = reader.skipToMarker();
    if (code < 0xd0 || code > 0xd7) return reader.position;
  } catch {
    return bytes.length;
  }
  throw new ImageCorruptError("The JPEG has a restart marker after the end of its picture data.");
}
