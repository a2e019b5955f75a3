import type { TrainingRow } from "./training-log.ts";

/** What the model said in place of a target, the right beginning given. */
export interface SamplePrediction {
  readonly sample: string;
  readonly wanted: string;
  readonly said: string;
}

const WIDTH = 640;
const HEIGHT = 180;
const MARGIN = 44;
/** Points that a curve is thinned to. */
const POINTS = 400;

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
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}
svg{width:100%;height:auto}td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}
td{font-family:ui-monospace,monospace;white-space:pre-wrap}</style>
<h1>${escapeHtml(title)}</h1><p>${summary}</p>
${CURVES.map((curve) => curveSvg(curve, rows)).join("\n")}
<h2>Predictions</h2><p>Each token foretold from the right beginning; the last pack of the last step.</p>
<table><tr><th>sample</th><th>wanted</th><th>said</th></tr>
${predictions.map((p) => `<tr><td>${escapeHtml(p.sample)}</td><td>${escapeHtml(p.wanted)}</td><td>${escapeHtml(p.said)}</td></tr>`).join("\n")}
</table></html>
`;
}

interface Curve {
  readonly label: string;
  readonly value: (row: TrainingRow) => number;
  readonly isLogarithmic: boolean;
}

const CURVES: readonly Curve[] = [
  { label: "Loss per supervised token", value: (row) => row.loss, isLogarithmic: false },
  { label: "Gradient norm", value: (row) => row.gradientNorm, isLogarithmic: true },
  { label: "Learning rate", value: (row) => row.rate, isLogarithmic: false },
  { label: "Tokens per second", value: (row) => row.tokensPerSecond, isLogarithmic: false },
];

function curveSvg({ label, value, isLogarithmic }: Curve, rows: readonly TrainingRow[]): string {
  const shape = (v: number): number => (isLogarithmic ? Math.log10(Math.max(v, 1e-12)) : v);
  const points = thin(rows).map((row) => ({ step: row.step, y: shape(value(row)), raw: value(row) }));
  const finite = points.filter(({ y }) => Number.isFinite(y));
  if (finite.length === 0) return `<figure><figcaption>${label}: no values yet</figcaption></figure>`;
  const low = Math.min(...finite.map(({ y }) => y));
  const high = Math.max(...finite.map(({ y }) => y), low + 1e-12);
  const [first, last] = [finite[0].step, finite[finite.length - 1].step];
  const x = (step: number): number => MARGIN + ((step - first) / Math.max(1, last - first)) * (WIDTH - MARGIN - 8);
  const y = (v: number): number => 8 + (1 - (v - low) / (high - low)) * (HEIGHT - 32);
  const path = finite.map((p, i) => `${i === 0 ? "M" : "L"}${x(p.step).toFixed(1)} ${y(p.y).toFixed(1)}`).join("");
  const name = (v: number): string => Number((isLogarithmic ? 10 ** v : v).toPrecision(3)).toString();
  return `<figure><figcaption>${label}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}"><path d="${path}" fill="none" stroke="currentColor"/>
<g font-size="11" fill="currentColor"><text x="0" y="16">${name(high)}</text><text x="0" y="${HEIGHT - 22}">${name(low)}</text>
<text x="${MARGIN}" y="${HEIGHT - 6}">step ${first}</text><text x="${WIDTH - 8}" y="${HEIGHT - 6}" text-anchor="end">${last}</text></g></svg></figure>`;
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
