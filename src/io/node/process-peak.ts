import { readFileSync } from "node:fs";

const KIB = 1024;

/** Largest resident memory that this process has had, in bytes. */
export function processPeakBytes(): number {
  // maxRSS begins on Linux with that of the process that started this one; VmHWM is its own
  const status = process.platform === "linux" ? readFileSync("/proc/self/status", "utf8") : "";
  return Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS) * KIB;
}
