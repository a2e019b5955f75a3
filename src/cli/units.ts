import { UsageError } from "./errors.ts";

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  K: 1e3,
  KB: 1e3,
  KIB: 2 ** 10,
  M: 1e6,
  MB: 1e6,
  MIB: 2 ** 20,
  G: 1e9,
  GB: 1e9,
  GIB: 2 ** 30,
};

/** Bytes of "2GiB", "500MB" or a plain number. Throws UsageError. */
export function parseBytes(text: string, flag: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const factor = FACTORS[(match?.[2] ?? "?").toUpperCase()];
  if (match === null || factor === undefined) {
    throw new UsageError(`${flag} ${JSON.stringify(text)} is not a size.`, "Write a number with MB, MiB, GB or GiB.");
  }
  return Math.floor(Number(match[1]) * factor);
}

/** "1.1 GB", "529 MB", "12 kB". */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(bytes >= 1e10 ? 0 : 1)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(bytes >= 1e7 ? 0 : 1)} MB`;
  if (bytes >= 1e3) return `${(bytes / 1e3).toFixed(0)} kB`;
  return `${bytes} B`;
}

/** "0.8 s", "45 s", "3 min 20 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Columns under their headings, two spaces apart; numbers to the right. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => (row[i] ?? "").length)));
  const isNumeric = headings.map(
    (_, i) =>
      rows.length > 0 && rows.every((row) => /^[\d.,]*( ?[a-zA-Z]+)?$/.test(row[i] ?? "") && /\d/.test(row[i] ?? "")),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, i) => (isNumeric[i] ? (cells[i] ?? "").padStart(width) : (cells[i] ?? "").padEnd(width)))
      .join("  ")
      .trimEnd();
  return [line(headings), ...rows.map(line)].join("\n");
}
