/** Said about every picture or question outside printed text, always in these words. */
export const OUT_OF_SCOPE =
  "This built-in model reads printed text. For anything else use MiniCPM-V 4.6 (1.6 GB, Apache-2.0): minicpmv pull openbmb/MiniCPM-V-4.6-gguf";

/** Said when the picture has no such value. */
export const NOT_SHOWN = "not shown";
