import type { Clock } from "../clock.ts";

export interface DownloadProgress {
  readonly name: string;
  /** "check" re-reads what an earlier run left; "fetch" comes from the network. */
  readonly phase: "check" | "fetch" | "done";
  readonly receivedBytes: number;
  readonly totalBytes: number | undefined;
  /** Over the last few seconds; undefined until something can be said. */
  readonly bytesPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
}

const WINDOW_MS = 5000;
const MIN_GAP_MS = 100;

/** Turns byte counts into progress reports: at most ten a second, and the last one always. */
export class ProgressMeter {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #report: (progress: DownloadProgress) => void;
  #samples: { readonly atMs: number; readonly bytes: number }[] = [];
  #phase: DownloadProgress["phase"] = "check";
  #reportedAtMs = -Infinity;
  totalBytes: number | undefined;

  constructor(name: string, clock: Clock, report: (progress: DownloadProgress) => void) {
    this.#name = name;
    this.#clock = clock;
    this.#report = report;
  }

  at(phase: DownloadProgress["phase"], receivedBytes: number): void {
    const atMs = this.#clock.nowMs();
    const isNewPhase = phase !== this.#phase;
    // Reading a disk says nothing about the network, and a restart nothing about the way forward.
    if (isNewPhase || receivedBytes < (this.#samples.at(-1)?.bytes ?? 0)) this.#samples = [];
    this.#phase = phase;
    if (!isNewPhase && phase !== "done" && atMs - this.#reportedAtMs < MIN_GAP_MS) return;
    this.#reportedAtMs = atMs;
    this.#samples.push({ atMs, bytes: receivedBytes });
    while (this.#samples.length > 2 && atMs - this.#samples[0].atMs > WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    const seconds = (atMs - first.atMs) / 1000;
    const bytesPerSecond = seconds > 0 ? (receivedBytes - first.bytes) / seconds : undefined;
    const leftBytes = this.totalBytes === undefined ? undefined : this.totalBytes - receivedBytes;
    const secondsLeft = bytesPerSecond && leftBytes !== undefined ? leftBytes / bytesPerSecond : undefined;
    const { totalBytes } = this;
    this.#report({ name: this.#name, phase, receivedBytes, totalBytes, bytesPerSecond, secondsLeft });
  }
}
