import { expect, test } from "vitest";
import { loadRounds } from "./load-rounds.ts";

// the short form of test/long/server-load.ts: catches requests that get no answer when clients leave, err and crowd
test("six clients of every kind: nobody is left without an answer", async () => {
  const seed = 20261122;
  const result = await loadRounds({ clients: 6, requests: 120, seed });
  expect(result.lost, `seed ${seed}`).toEqual([]);
  const { requests, answered, refused, left, corrected } = result;
  expect(answered + refused + left + corrected).toBe(requests);
  expect(answered).toBeGreaterThan(40);
  expect(left).toBeGreaterThan(0);
  expect(corrected).toBeGreaterThan(0);
});
