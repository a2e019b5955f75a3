/** Picture formats that are recognised by their first bytes. */
export type ImageFormat = "jpeg" | "png" | "webp" | "gif" | "avif" | "heic" | "tiff" | "bmp" | "svg" | "jxl" | "ico";

const AVIF_BRANDS = new Set(["avif", "avis"]);
const HEIC_BRANDS = new Set(["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"]);

/** The format that a file's first bytes announce; undefined for anything else. File names are never looked at. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  const head = latin1(bytes.subarray(0, 16));
  if (head.startsWith("\xff\xd8\xff")) return "jpeg";
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (head.startsWith("GIF87a") || head.startsWith("GIF89a")) return "gif";
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return "webp";
  if (head.startsWith("II*\0") || head.startsWith("MM\0*")) return "tiff";
  if (head.startsWith("\xff\x0a") || head.startsWith("\0\0\0\x0cJXL ")) return "jxl";
  if (head.startsWith("\0\0\x01\0")) return "ico";
  if (head.slice(4, 8) === "ftyp") return isoBrand(bytes);
  if (head.startsWith("BM") && bytes.length > 26) return "bmp";
  return isSvg(bytes) ? "svg" : undefined;
}

// the major brand may be a generic one, so the compatible brands are read too
function isoBrand(bytes: Uint8Array): ImageFormat | undefined {
  const boxBytes = (bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3];
  const box = latin1(bytes.subarray(8, Math.max(12, Math.min(boxBytes, 256))));
  const brands = box.match(/.{4}/gs) ?? [];
  if (brands.some((brand) => AVIF_BRANDS.has(brand))) return "avif";
  return brands.some((brand) => HEIC_BRANDS.has(brand)) ? "heic" : undefined;
}

function isSvg(bytes: Uint8Array): boolean {
  const text = new TextDecoder().decode(bytes.subarray(0, 1024)).replace(/^\ufeff/, "");
  return /^\s*(<\?xml|<!--|<!DOCTYPE svg|<svg)/i.test(text) && /<svg[\s>]/i.test(text);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
