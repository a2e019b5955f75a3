import type { TrainingRow } from "./training-log.ts";

/** What the model said in place of a target, the right beginning given. */
export interface SamplePrediction {
  readonly sample: string;
  readonly wanted: string;
  readonly said: string;
}

const WIDTH = 640;
const HEIGHT = 190;
const LEFT = 56;
const TOP = 18;
const BOTTOM = 24;
/** Points that a curve is thinned to. */
const POINTS = 400;
/** A loss that fell further than this is drawn on a logarithmic scale. */
const WIDE_RANGE = 30;

/** A page with curves and predictions that needs nothing else. */
export function trainingReport(
  title: string,
  rows: readonly TrainingRow[],
  predictions: readonly SamplePrediction[],
): string {
  const last = rows.at(-1);
  const summary =
    last === undefined
      ? "No step was taken."
      : `${last.step} steps, ${(last.seconds / 60).toFixed(1)} minutes, loss ${last.loss.toFixed(4)}.`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width">
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}
figure{margin:1.2rem 0}figcaption{font-weight:600}svg{width:100%;height:auto;display:block}svg text{font-size:11px;fill:currentColor;opacity:.75}
.grid{stroke:currentColor;opacity:.18}.curve{fill:none;stroke:#2a78c8;stroke-width:1.5}
td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}td{font-family:ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.wrong{color:#c8412a}</style>
<h1>${escapeHtml(title)}</h1><p>${summary}</p>
${CURVES.map((curve) => curveSvg(curve, rows)).join("\n")}
<h2>Predictions</h2><p>Each token foretold from the right beginning; the last pack of the last step.</p>
<table><tr><th>sample</th><th>wanted</th><th>said</th></tr>
${predictions.map((p) => `<tr><td>${escapeHtml(p.sample)}</td><td>${escapeHtml(p.wanted)}</td><td${p.said === p.wanted ? "" : ' class="wrong"'}>${escapeHtml(p.said)}</td></tr>`).join("\n")}
</table></html>
`;
}

interface Curve {
  readonly label: string;
  readonly value: (row: TrainingRow) => number;
  readonly scale: "linear" | "logarithmic" | "byRange";
}

const CURVES: readonly Curve[] = [
  { label: "Loss per supervised token", value: (row) => row.loss, scale: "byRange" },
  { label: "Gradient norm", value: (row) => row.gradientNorm, scale: "logarithmic" },
  { label: "Learning rate", value: (row) => row.rate, scale: "linear" },
  { label: "Tokens per second", value: (row) => row.tokensPerSecond, scale: "linear" },
];

function curveSvg({ label, value, scale }: Curve, rows: readonly TrainingRow[]): string {
  const points = thin(rows)
    .map((row) => ({ step: row.step, value: value(row) }))
    .filter((point) => Number.isFinite(point.value));
  if (points.length === 0) return `<figure><figcaption>${label}: no values yet</figcaption></figure>`;
  const values = points.map((point) => point.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const isLogarithmic = least > 0 && (scale === "logarithmic" || (scale === "byRange" && most > WIDE_RANGE * least));
  const shape = (v: number): number => (isLogarithmic ? Math.log10(v) : v);
  const low = scale === "linear" ? 0 : shape(least);
  const high = Math.max(shape(most), low + 1e-12);
  const [first, last] = [points[0].step, points[points.length - 1].step];
  const x = (step: number): string =>
    (LEFT + ((step - first) / Math.max(1, last - first)) * (WIDTH - LEFT - 8)).toFixed(1);
  const y = (v: number): string => (TOP + (1 - (v - low) / (high - low)) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const path = points.map((p, i) => `${i === 0 ? "M" : "L"}${x(p.step)} ${y(shape(p.value))}`).join("");
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => low + part * (high - low));
  const lines = ticks.map((tick) => {
    const text = tickText(isLogarithmic ? 10 ** tick : tick);
    return `<path class="grid" d="M${LEFT} ${y(tick)}H${WIDTH - 8}"/><text x="${LEFT - 6}" y="${y(tick)}" dy="4" text-anchor="end">${text}</text>`;
  });
  const stages = stageStarts(rows).map(
    ({ stage, step }) =>
      `<path class="grid" d="M${x(step)} ${TOP - 12}V${HEIGHT - BOTTOM}"/><text x="${x(step)}" y="${TOP - 5}" dx="4">${escapeHtml(stage)}</text>`,
  );
  return `<figure><figcaption>${label}${isLogarithmic ? " (logarithmic)" : ""}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${[...lines, ...stages].join("")}<path class="curve" d="${path}"/>
<text x="${LEFT}" y="${HEIGHT - 6}">step ${first}</text><text x="${WIDTH - 8}" y="${HEIGHT - 6}" text-anchor="end">${last}</text></svg></figure>`;
}

/** Three digits, powers of ten where zeros would fill the margin. */
function tickText(value: number): string {
  const isFar = value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5);
  return isFar ? value.toExponential(1) : Number(value.toPrecision(3)).toString();
}

/** First step of each stage that the log knows. */
function stageStarts(rows: readonly TrainingRow[]): readonly TrainingRow[] {
  return rows.filter((row, i) => row.stage !== rows[i - 1]?.stage);
}

/** Means of neighbouring rows: a long run stays a small page. */
function thin(rows: readonly TrainingRow[]): readonly TrainingRow[] {
  const size = Math.ceil(rows.length / POINTS);
  if (size <= 1) return rows;
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => {
    const group = rows.slice(i * size, (i + 1) * size);
    const mean = (pick: (row: TrainingRow) => number): number =>
      group.reduce((sum, row) => sum + pick(row), 0) / group.length;
    const last = group[group.length - 1];
    return {
      ...last,
      loss: mean((row) => row.loss),
      gradientNorm: mean((row) => row.gradientNorm),
      tokensPerSecond: mean((row) => row.tokensPerSecond),
    };
  });
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
