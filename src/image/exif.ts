/** EXIF orientation: 1 upright, 2…8 the mirrored and turned ways a camera may store a picture. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const ORIENTATION_TAG = 0x0112;
const SHORT = 3;
const LONG = 4;

/** Orientation from the TIFF block of Exif data; 1 wherever the block is damaged or silent. Never throws. */
export function readOrientation(tiff: Uint8Array | undefined): Orientation {
  if (tiff === undefined || tiff.length < 8) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const order = String.fromCharCode(tiff[0], tiff[1]);
  if (order !== "II" && order !== "MM") return 1;
  const isLittle = order === "II";
  if (view.getUint16(2, isLittle) !== 42) return 1;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > tiff.length) return 1;
  const entryCount = view.getUint16(directory, isLittle);
  for (let i = 0; i < entryCount; i++) {
    const entry = directory + 2 + i * 12;
    if (entry + 12 > tiff.length) return 1;
    if (view.getUint16(entry, isLittle) !== ORIENTATION_TAG) continue;
    const type = view.getUint16(entry + 2, isLittle);
    if (type !== SHORT && type !== LONG) return 1;
    const value = type === SHORT ? view.getUint16(entry + 8, isLittle) : view.getUint32(entry + 8, isLittle);
    return isOrientation(value) ? value : 1;
  }
  return 1;
}

/** Whether a number is one of the eight. */
export function isOrientation(value: number): value is Orientation {
  return value >= 1 && value <= 8;
}
