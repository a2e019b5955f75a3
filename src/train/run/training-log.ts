import { appendFile, readFile, rename, writeFile } from "node:fs/promises";
import { OutputWriteError } from "../../quantize/errors.ts";

/** One optimiser step as the log keeps it: a line of JSON. */
export interface TrainingRow {
  readonly stage: string;
  /** Optimiser steps since the run began. */
  readonly step: number;
  /** Samples drawn in this stage. */
  readonly samples: number;
  /** Mean over the step's supervised tokens. */
  readonly loss: number;
  readonly gradientNorm: number;
  readonly rate: number;
  readonly tokensPerSecond: number;
  /** Share of the packs' places that held a token. */
  readonly fill: number;
  /** Of training, over all resumptions. */
  readonly seconds: number;
}

/** Appends a row. Throws OutputWriteError. */
export async function appendRow(path: string, row: TrainingRow): Promise<void> {
  await guarded(path, () => appendFile(path, `${JSON.stringify(row)}\n`));
}

/** Rows of a log; a last line that a kill cut short is left out. */
export async function readRows(path: string): Promise<readonly TrainingRow[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line): TrainingRow => JSON.parse(line));
}

/** Takes out rows after `step`: a killed run will write them again. */
export async function cutRows(path: string, step: number): Promise<readonly TrainingRow[]> {
  const rows = (await readRows(path)).filter((row) => row.step <= step);
  await guarded(path, async () => {
    await writeFile(`${path}.new`, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    await rename(`${path}.new`, path);
  });
  return rows;
}

async function guarded(path: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new OutputWriteError(path, `the system said ${code}`, "Free some space or choose another run folder.", {
      cause,
    });
  }
}

/** A step in one line. */
export function progressLine(row: TrainingRow, { stage, stageCount, stageSamples, secondsLeft }: Place): string {
  const share = Math.min(1, row.samples / stageSamples);
  return [
    `stage ${stage}/${stageCount} ${row.stage}`,
    `step ${row.step}`,
    `loss ${row.loss.toFixed(3)}`,
    `gradient ${row.gradientNorm.toFixed(2)}`,
    `${Math.round(row.tokensPerSecond).toLocaleString("en")} tokens/s`,
    `${(100 * share).toFixed(1)} %`,
    ...(secondsLeft === undefined ? [] : [timeLeft(secondsLeft)]),
  ].join(" · ");
}

interface Place {
  readonly stage: number;
  readonly stageCount: number;
  readonly stageSamples: number;
  readonly secondsLeft?: number;
}

/** Seconds for `left` samples at the pace of those done in this sitting; undefined until there is something to go by. */
export function estimateLeft(
  done: { readonly samples: number; readonly seconds: number },
  left: number,
): number | undefined {
  if (done.samples <= 0 || done.seconds < 1) return undefined;
  return (Math.max(0, left) / done.samples) * done.seconds;
}

/** "3 min left". */
export function timeLeft(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min left` : `${(seconds / 3600).toFixed(1)} h left`;
}
