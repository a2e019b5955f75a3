import { expect, test } from "vitest";
import { chooseCount } from "./thread-search.ts";

// catches a busy moment at first use halving the speed for good
test("takes the most threads that come near the best rate", () => {
  expect(chooseCount([1, 2], [10, 9])).toBe(2);
  expect(chooseCount([4, 6, 8], [30, 40, 20])).toBe(6);
  expect(chooseCount([4, 6, 8], [30, 40, 40])).toBe(8);
});
