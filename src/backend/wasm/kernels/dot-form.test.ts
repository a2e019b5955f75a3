import { expect, test } from "vitest";
import { prefersPairs } from "./dot-form.ts";

/** A clock on which the forms take these times in turn, fused first. */
function clock(fused: number, pairs: number): () => number {
  // read once to begin, then before and after each form, then once to see how long it has lasted
  const steps = [0, 0, fused, 0, pairs, 0];
  let [time, reading] = [0, 0];
  return () => {
    time += reading === 0 ? 0 : steps[1 + ((reading - 1) % 5)];
    reading++;
    return time;
  };
}

// bugs: the comparison the wrong way round; a machine where neither is clearly faster waits for ever or takes the slower form
test.each([
  ["pairs where they are clearly faster", 2, 1, true],
  ["the one instruction where it is clearly faster", 1, 2, false],
  ["the one instruction where neither is", 1.1, 1, false],
] as const)("timing chooses %s", (_what, fused, pairs, expected) => {
  expect(prefersPairs(clock(fused, pairs))).toBe(expected);
});
