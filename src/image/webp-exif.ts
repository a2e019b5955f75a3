const CHUNK_HEADER_BYTES = 8;
const FIRST_CHUNK = 12;
/** In the flags of a VP8X chunk: the file has Exif data. */
const EXIF_FLAG = 0x08;
const EXIF_PREFIX_BYTES = 6;

/** A WebP file whose Exif data no decoder sees, and that data. */
export interface SplitWebp {
  readonly bytes: Uint8Array;
  /** TIFF block, for readOrientation. */
  readonly exif: Uint8Array | undefined;
}

/**
 * Takes the Exif data out of a WebP file: browsers differ in whether they turn a picture by it (Chromium does not), so none shall. Its chunk
 * gets an unknown name, which decoders skip (RIFF container of WebP, "Unknown Chunks"). Never throws.
 */
export function splitWebpExif(file: Uint8Array): SplitWebp {
  const bytes = new Uint8Array(file);
  const view = new DataView(bytes.buffer);
  let exif: Uint8Array | undefined;
  for (let at = FIRST_CHUNK; at + CHUNK_HEADER_BYTES <= bytes.length; ) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    const length = view.getUint32(at + 4, true);
    const begin = at + CHUNK_HEADER_BYTES;
    if (name === "VP8X" && begin < bytes.length) bytes[begin] &= ~EXIF_FLAG;
    if (name === "EXIF") {
      exif ??= file.subarray(begin, begin + length);
      bytes.set([0x65, 0x78, 0x69, 0x66], at); // "exif"
    }
    at = begin + length + (length % 2);
  }
  const hasPrefix = exif !== undefined && String.fromCharCode(...exif.subarray(0, 4)) === "Exif";
  return { bytes, exif: hasPrefix ? exif?.subarray(EXIF_PREFIX_BYTES) : exif };
}
