import { expect, test } from "vitest";
import { Metrics } from "./metrics.ts";

// catches text that Prometheus does not read: every line is a comment or a sample, buckets only grow and end at the count
test("metrics are Prometheus text", () => {
  const metrics = new Metrics([{ name: "minicpmv_active_requests", help: "Now.", read: () => 3 }]);
  metrics.add("minicpmv_requests_total", 1, { route: '/a"\n', status: "200" });
  metrics.add("minicpmv_requests_total", 2, { route: '/a"\n', status: "200" });
  for (const seconds of [0.01, 0.3, 500]) metrics.observe("minicpmv_first_token_seconds", seconds);
  const lines = metrics.text().trimEnd().split("\n");
  for (const line of lines) expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"\\\n]*",?)+\})? [\d.e+-]+)$/);
  expect(lines).toContain('minicpmv_requests_total{route="/a__",status="200"} 3');
  expect(lines).toContain("minicpmv_active_requests 3");
  const buckets = lines
    .flatMap((line) => /^minicpmv_first_token_seconds_bucket\{.*\} (\d+)$/.exec(line)?.[1] ?? [])
    .map(Number);
  expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
  expect(buckets.at(-1)).toBe(3);
  expect(lines).toContain("minicpmv_first_token_seconds_count 3");
});
