import type { StepPlace } from "../train/run/run-training.ts";
import { progressLine, type TrainingRow, timeLeft } from "../train/run/training-log.ts";
import type { Terminal } from "./terminal.ts";

const BLOCKS = "▁▂▃▄▅▆▇█";
/** Rows that the loss curve of the live view remembers. */
const CURVE_ROWS = 4096;
const LABEL_WIDTH = 10;

/** What the live view shows. */
export interface TrainingView {
  readonly row: TrainingRow;
  readonly place: StepPlace;
  /** Losses of this sitting, oldest first. */
  readonly losses: readonly number[];
  readonly isStopping: boolean;
}

type Canvas = Pick<Terminal, "paint" | "columns">;

/** The live view as lines, none wider than the terminal. */
export function viewLines(
  { row, place, losses, isStopping }: TrainingView,
  { paint, columns }: Canvas,
): readonly string[] {
  const width = Math.max(20, Math.min(columns - 1, 100));
  const share = Math.min(1, row.samples / place.stageSamples);
  const percent = ` ${(100 * share).toFixed(1)} %${place.secondsLeft === undefined ? "" : ` · ${timeLeft(place.secondsLeft)}`}`;
  const barWidth = Math.max(4, width - percent.length);
  const done = Math.round(share * barWidth);
  const head = cut(
    `stage ${place.stage} of ${place.stageCount} · ${row.stage} · step ${row.step.toLocaleString("en")}`,
    width,
  );
  const label = (name: string): string => name.padEnd(LABEL_WIDTH);
  const loss = `${row.loss.toFixed(4)}  `;
  return [
    paint("bold", head),
    paint("green", "█".repeat(done)) + paint("dim", "░".repeat(barWidth - done)) + cut(percent, width - barWidth),
    `${label("loss")}${loss}${paint("cyan", curve(losses, Math.max(0, width - LABEL_WIDTH - loss.length)))}`,
    cut(`${label("gradient")}${row.gradientNorm.toFixed(3)}`, width),
    cut(`${label("rate")}${row.rate.toExponential(2)}`, width),
    cut(
      `${label("speed")}${Math.round(row.tokensPerSecond).toLocaleString("en")} tokens/s, packs ${Math.round(100 * row.fill)} % full`,
      width,
    ),
    isStopping
      ? paint("yellow", cut("Stopping after this step and saving; Ctrl-C again ends at once.", width))
      : paint("dim", cut("Ctrl-C saves and stops; the same command goes on.", width)),
  ];
}

/** Block letters for values, the newest on the right; each column the mean of what falls into it. */
export function curve(values: readonly number[], columns: number): string {
  const finite = values.filter((value) => Number.isFinite(value));
  if (columns === 0 || finite.length === 0) return "";
  const count = Math.min(columns, finite.length);
  const means = Array.from({ length: count }, (_, i) => {
    const part = finite.slice(Math.floor((i * finite.length) / count), Math.floor(((i + 1) * finite.length) / count));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const low = Math.min(...means);
  const range = Math.max(...means) - low;
  const level = (value: number): number =>
    range === 0 ? 0 : Math.round(((value - low) / range) * (BLOCKS.length - 1));
  return means.map((mean) => BLOCKS[level(mean)]).join("");
}

function cut(text: string, width: number): string {
  return text.slice(0, Math.max(0, width));
}

/** Shows steps: a block that is written over on a terminal, else a line now and then. */
export interface TrainingDisplay {
  step(row: TrainingRow, place: StepPlace): void;
  /** Leaves the last picture standing, so that what follows is written below. */
  end(): void;
}

export interface DisplayOptions {
  readonly write: (text: string) => void;
  readonly canvas: Canvas;
  readonly nowMs: () => number;
  readonly isStopping: () => boolean;
}

/** Between two pictures of the live view. */
const LIVE_GAP_MS = 100;

/** The live view: moves up over its own last picture. */
export function liveDisplay({ write, canvas, nowMs, isStopping }: DisplayOptions): TrainingDisplay {
  let losses: number[] = [];
  let drawnLines = 0;
  let drawnMs = Number.NEGATIVE_INFINITY;
  let latest: TrainingView | undefined;
  const draw = (): void => {
    if (latest === undefined) return;
    const lines = viewLines(latest, canvas);
    const up = drawnLines === 0 ? "" : `\u001b[${drawnLines}A`;
    write(`${up}${lines.map((line) => `\r\u001b[2K${line}\n`).join("")}`);
    drawnLines = lines.length;
    drawnMs = nowMs();
    latest = undefined;
  };
  return {
    step: (row, place) => {
      losses.push(row.loss);
      if (losses.length > CURVE_ROWS) losses = losses.filter((_, i) => i % 2 === 1);
      latest = { row, place, losses, isStopping: isStopping() };
      if (nowMs() - drawnMs >= LIVE_GAP_MS || isStopping()) draw();
    },
    end: draw,
  };
}

/** Between two lines of a log that nobody watches. */
const LINE_GAP_MS = 5000;

/** Plain lines for pipes and log files: the first step of a stage, one every few seconds, and the last. */
export function lineDisplay({ write, nowMs }: Pick<DisplayOptions, "write" | "nowMs">): TrainingDisplay {
  let stage = 0;
  let writtenMs = Number.NEGATIVE_INFINITY;
  let waiting: string | undefined;
  const put = (): void => {
    if (waiting === undefined) return;
    write(`${waiting}\n`);
    waiting = undefined;
    writtenMs = nowMs();
  };
  return {
    step: (row, place) => {
      if (place.stage !== stage) put();
      waiting = progressLine(row, place);
      if (place.stage !== stage || nowMs() - writtenMs >= LINE_GAP_MS) put();
      stage = place.stage;
    },
    end: put,
  };
}
