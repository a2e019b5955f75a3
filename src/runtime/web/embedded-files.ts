/** Addresses of the built-in model's files; written so that bundlers find the files and put them beside the page. */
export const EMBEDDED_FILES = {
  language: () => new URL("../../../models/pocket/pocket.gguf", import.meta.url),
  vision: () => new URL("../../../models/pocket/mmproj-pocket.gguf", import.meta.url),
  calibration: () => new URL("../../../models/pocket/calibration.json", import.meta.url),
};
