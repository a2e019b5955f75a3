/** Labels of one series. */
export type Labels = Readonly<Record<string, string>>;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

const COUNTERS = {
  minicpmv_requests_total: "Requests by route and status.",
  minicpmv_prompt_tokens_total: "Prompt tokens, those from the cache included.",
  minicpmv_cached_tokens_total: "Prompt tokens that the cache held.",
  minicpmv_generated_tokens_total: "Tokens written.",
  minicpmv_pictures_total: "Pictures looked at.",
  minicpmv_views_total: "Views that pictures were cut into.",
  minicpmv_encode_seconds_total: "Time spent on encoding pictures.",
  minicpmv_cancelled_total: "Answers whose client went away.",
} as const;

const HISTOGRAMS = {
  minicpmv_first_token_seconds: "From the request to its first token, waiting included.",
  minicpmv_queue_seconds: "Time a request waited for its turn.",
  minicpmv_request_seconds: "From the request to the end of its answer.",
} as const;

export type CounterName = keyof typeof COUNTERS;
export type HistogramName = keyof typeof HISTOGRAMS;

/** A number that is read when the metrics are asked for. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** Counts what the server does and writes it as Prometheus text (exposition format 0.0.4). */
export class Metrics {
  readonly #counters = new Map<string, Map<string, number>>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #gauges: readonly Gauge[];

  constructor(gauges: readonly Gauge[]) {
    this.#gauges = gauges;
  }

  add(name: CounterName, amount = 1, labels: Labels = {}): void {
    const series = this.#counters.get(name) ?? new Map<string, number>();
    this.#counters.set(name, series);
    const key = labelText(labels);
    series.set(key, (series.get(key) ?? 0) + amount);
  }

  observe(name: HistogramName, seconds: number): void {
    const histogram = this.#histograms.get(name) ?? { counts: SECONDS.map(() => 0), sum: 0, count: 0 };
    this.#histograms.set(name, histogram);
    const bucket = SECONDS.findIndex((limit) => seconds <= limit);
    if (bucket >= 0) histogram.counts[bucket] += 1;
    histogram.sum += seconds;
    histogram.count += 1;
  }

  text(): string {
    const lines: string[] = [];
    for (const [name, help] of Object.entries(COUNTERS)) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`);
      const series = this.#counters.get(name) ?? new Map([["", 0]]);
      for (const [labels, value] of series) lines.push(`${name}${labels} ${value}`);
    }
    for (const { name, help, read } of this.#gauges) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${read()}`);
    }
    for (const [name, help] of Object.entries(HISTOGRAMS)) lines.push(...histogramLines(name, help, this.#histograms));
    return `${lines.join("\n")}\n`;
  }
}

function histogramLines(name: string, help: string, all: ReadonlyMap<string, Histogram>): readonly string[] {
  const { counts, sum, count } = all.get(name) ?? { counts: SECONDS.map(() => 0), sum: 0, count: 0 };
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  let running = 0;
  for (const [i, limit] of SECONDS.entries()) {
    running += counts[i];
    lines.push(`${name}_bucket{le="${limit}"} ${running}`);
  }
  lines.push(`${name}_bucket{le="+Inf"} ${count}`, `${name}_sum ${sum}`, `${name}_count ${count}`);
  return lines;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, "_")}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}
