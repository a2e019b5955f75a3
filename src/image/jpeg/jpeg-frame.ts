import { ImageCorruptError, ImageTruncatedError } from "../errors.ts";

/** One colour component and its quantised coefficients. */
export interface JpegComponent {
  readonly id: number;
  /** Sampling factors, 1…4. */
  readonly horizontal: number;
  readonly vertical: number;
  readonly quantIndex: number;
  /** Size in samples, before padding to whole blocks. */
  readonly width: number;
  readonly height: number;
  /** Blocks that hold samples. */
  readonly blockColumns: number;
  readonly blockRows: number;
  /** Blocks per row of the coefficient array, padded to whole MCUs. */
  readonly blockStride: number;
  /** [padded block rows, blockStride, 64], natural (not zigzag) order. */
  readonly coefficients: Int16Array;
  /** Quantisation table in natural order, latched at the component's first scan. */
  quant: Uint16Array | undefined;
}

/** What a start-of-frame marker says. */
export interface JpegFrame {
  readonly width: number;
  readonly height: number;
  readonly isProgressive: boolean;
  readonly maxHorizontal: number;
  readonly maxVertical: number;
  readonly mcuColumns: number;
  readonly mcuRows: number;
  readonly components: readonly JpegComponent[];
}

/** Size and sampling as read from the marker, before anything is allocated. */
export interface FrameHeader {
  readonly width: number;
  readonly height: number;
  readonly isProgressive: boolean;
  readonly sampling: readonly { id: number; horizontal: number; vertical: number; quantIndex: number }[];
}

/** Lays out blocks and allocates coefficients; `availableBytes` of file must be able to hold that many blocks. */
export function layOutFrame(header: FrameHeader, availableBytes: number): JpegFrame {
  const { width, height, sampling, isProgressive } = header;
  const maxHorizontal = Math.max(...sampling.map((each) => each.horizontal));
  const maxVertical = Math.max(...sampling.map((each) => each.vertical));
  const mcuColumns = Math.ceil(width / (8 * maxHorizontal));
  const mcuRows = Math.ceil(height / (8 * maxVertical));
  // a block takes at least one bit of its DC scan, so a header alone cannot make us allocate
  if (mcuColumns * mcuRows > availableBytes * 8) {
    throw new ImageTruncatedError(
      `The JPEG claims ${width}×${height} pixels but has only ${availableBytes} bytes of data.`,
    );
  }
  const components = sampling.map((each): JpegComponent => {
    const isFractional = maxHorizontal % each.horizontal !== 0 || maxVertical % each.vertical !== 0;
    if (isFractional) {
      throw new ImageCorruptError(
        `The JPEG samples a component ${each.horizontal}×${each.vertical} of ${maxHorizontal}×${maxVertical}, which no decoder supports.`,
      );
    }
    const samplesWide = Math.ceil((width * each.horizontal) / maxHorizontal);
    const samplesHigh = Math.ceil((height * each.vertical) / maxVertical);
    const blockStride = mcuColumns * each.horizontal;
    return {
      ...each,
      width: samplesWide,
      height: samplesHigh,
      blockColumns: Math.ceil(samplesWide / 8),
      blockRows: Math.ceil(samplesHigh / 8),
      blockStride,
      coefficients: new Int16Array(blockStride * mcuRows * each.vertical * 64),
      quant: undefined,
    };
  });
  return { width, height, isProgressive, maxHorizontal, maxVertical, mcuColumns, mcuRows, components };
}
