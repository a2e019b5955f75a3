/** One bar: `spread` is the distance of the quartiles divided by the value. */
export interface Bar {
  readonly group: string;
  readonly series: string;
  readonly value: number;
  readonly spread?: number;
}

/** One line of a line plot. */
export interface Line {
  readonly series: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface PlotText {
  readonly title: string;
  readonly valueLabel: string;
  readonly xLabel?: string;
}

// Okabe and Ito's palette: told apart with any colour vision, on white and on black
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f0e442"];
const WIDTH = 880;
const BAR_HEIGHT = 16;
const LABEL_WIDTH = 260;
/** Of a line of a name in front of bars, at about 6.5 units a character. */
const MOST_CHARACTERS = 38;
const HEADER = 64;

/** Horizontal bars by group, one colour a series, whiskers for the spread; an SVG that reads on white and on black. */
export function barPlot(bars: readonly Bar[], text: PlotText): string {
  const groups = [...new Set(bars.map(({ group }) => group))];
  const series = [...new Set(bars.map(({ series }) => series))];
  const ticks = niceTicks(0, Math.max(...bars.map(({ value, spread = 0 }) => value * (1 + spread / 2)), 0));
  const top = HEADER + legendRows(series) * 18;
  const scale = (value: number): number => LABEL_WIDTH + (value / (ticks.at(-1) ?? 1)) * (WIDTH - LABEL_WIDTH - 90);
  const parts: string[] = [];
  let y = top;
  for (const group of groups) {
    const own = bars.filter((bar) => bar.group === group);
    const lines = wrapped(group);
    const middle = y + (own.length * BAR_HEIGHT) / 2 + 4;
    for (const [i, line] of lines.entries()) {
      parts.push(label(LABEL_WIDTH - 8, middle + (i - (lines.length - 1) / 2) * 14, line, "end"));
    }
    for (const bar of own) {
      parts.push(barMark(bar, y, scale, COLOURS[series.indexOf(bar.series) % COLOURS.length]));
      y += BAR_HEIGHT;
    }
    y += 10;
  }
  const grid = ticks.map(
    (tick) =>
      `<line x1="${fixed(scale(tick))}" x2="${fixed(scale(tick))}" y1="${top - 4}" y2="${y}" stroke="#888" stroke-opacity=".3"/>` +
      label(scale(tick), y + 16, shortNumber(tick), "middle"),
  );
  return page(y + 30, text, series, [...grid, ...parts]);
}

function barMark({ value, spread = 0 }: Bar, y: number, scale: (value: number) => number, colour: string): string {
  const [low, high] = [scale(value * (1 - spread / 2)), scale(value * (1 + spread / 2))];
  const middle = y + BAR_HEIGHT / 2 - 1;
  const width = Math.max(0, scale(value) - LABEL_WIDTH);
  return (
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${fixed(width)}" height="${BAR_HEIGHT - 2}" fill="${colour}"/>` +
    `<line x1="${fixed(low)}" x2="${fixed(high)}" y1="${middle}" y2="${middle}" stroke="#888" stroke-width="2"/>` +
    label(high + 6, middle + 4, shortNumber(value), "start")
  );
}

/** A name in lines that fit beside the bars, broken after commas. */
function wrapped(name: string): readonly string[] {
  const lines: string[] = [];
  for (const part of name.split(/(?<=,) /)) {
    const longer = lines.length === 0 ? part : `${lines.at(-1)} ${part}`;
    if (lines.length === 0 || longer.length > MOST_CHARACTERS) lines.push(part);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

/** Lines over a common pair of axes, `y` from the smallest to the largest value. */
export function linePlot(lines: readonly Line[], text: PlotText): string {
  const points = lines.flatMap((line) => line.points);
  const series = lines.map((line) => line.series);
  const [top, bottom, left, right] = [HEADER + legendRows(series) * 18, 420, 70, WIDTH - 20];
  const xTicks = niceTicks(...extent(points.map(([x]) => x)));
  const yTicks = niceTicks(...extent(points.map(([, y]) => y)));
  const x = (value: number): number => left + share(value, xTicks) * (right - left);
  const y = (value: number): number => bottom - share(value, yTicks) * (bottom - top);
  const grid = [
    ...yTicks.map(
      (tick) =>
        `<line x1="${left}" x2="${right}" y1="${fixed(y(tick))}" y2="${fixed(y(tick))}" stroke="#888" stroke-opacity=".3"/>` +
        label(left - 6, y(tick) + 4, shortNumber(tick), "end"),
    ),
    ...xTicks.map((tick) => label(x(tick), bottom + 18, shortNumber(tick), "middle")),
    label((left + right) / 2, bottom + 36, text.xLabel ?? "", "middle"),
  ];
  const marks = lines.map((line, index) => {
    const path = line.points.map(([px, py]) => `${fixed(x(px))},${fixed(y(py))}`).join(" ");
    return `<polyline points="${path}" fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="2"/>`;
  });
  return page(bottom + 46, text, series, [...grid, ...marks]);
}

/** At most about six round numbers that enclose `low` to `high`. */
export function niceTicks(low: number, high: number): readonly number[] {
  const rough = (high - low || Math.abs(high) || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.floor(low / step);
  const last = Math.max(Math.ceil(high / step), first + 1);
  // by multiplication: a sum of steps drifts away from the round numbers
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function share(value: number, ticks: readonly number[]): number {
  const [low, high] = [ticks[0], ticks.at(-1) ?? 1];
  return (value - low) / (high - low);
}

function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

function legendRows(series: readonly string[]): number {
  return Math.ceil(series.length / 3);
}

function page(
  height: number,
  { title, valueLabel }: PlotText,
  series: readonly string[],
  parts: readonly string[],
): string {
  const legend = series.map((name, index) => {
    const [x, y] = [20 + (index % 3) * 280, 52 + Math.floor(index / 3) * 18];
    return `<rect x="${x}" y="${y}" width="12" height="12" fill="${COLOURS[index % COLOURS.length]}"/>${label(x + 18, y + 11, name, "start")}`;
  });
  const heading = `<text x="20" y="24" font-size="16" fill="#888">${escapeText(title)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="${escapeText(title)}">`,
    heading,
    label(20, 42, valueLabel, "start"),
    ...legend,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function label(x: number, y: number, text: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}" fill="#888">${escapeText(text)}</text>`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function fixed(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}
