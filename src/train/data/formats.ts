import { readOfficial, writeOfficial } from "./official.ts";
import type { ChatSample, PlacedSample } from "./sample.ts";
import { readShareGpt, writeShareGpt } from "./share-gpt.ts";
import { readSwift, writeSwift } from "./swift.ts";

/** Files of conversations that this project reads and writes. */
export type DataFormat = "official" | "sharegpt" | "swift";

interface Format {
  readonly read: (text: string, file: string) => readonly PlacedSample[];
  readonly write: (samples: readonly ChatSample[]) => string;
}

/** Reader and writer of each format. */
export const DATA_FORMATS: Readonly<Record<DataFormat, Format>> = {
  official: { read: readOfficial, write: writeOfficial },
  sharegpt: { read: readShareGpt, write: writeShareGpt },
  swift: { read: readSwift, write: writeSwift },
};

/** Tells a file's format by its first sample: one object a line is ms-swift's, `image` beside conversations is official. */
export function detectFormat(text: string): DataFormat {
  const start = text.trimStart();
  if (start.startsWith("{")) return "swift";
  // the keys of the first sample, without reading a file of gigabytes twice
  const head = start.slice(0, 1 << 16);
  const official = head.search(/"image"\s*:/);
  const messages = head.search(/"(messages|images|from)"\s*:/);
  return messages >= 0 && (official < 0 || messages < official) ? "sharegpt" : "official";
}
