import type { StreamTransform } from "../../../src/io/hub/sink.ts";

/** A transform for tests: keeps every second byte, whatever the chunks, and puts its state aside often. */
export const everySecond: StreamTransform = {
  name: "every-second",
  checkpointBytes: 10_000,
  create: () => everySecond.resume("0"),
  resume: (state) => {
    let seen = Number(state);
    return {
      push: (chunk) => {
        const kept = chunk.filter((_, i) => (seen + i) % 2 === 0);
        seen += chunk.length;
        return kept;
      },
      finish: () => new Uint8Array([seen % 251]),
      save: () => String(seen),
    };
  },
};

/** What the transform makes of a whole file. */
export function everySecondOf(file: Uint8Array): Uint8Array {
  return new Uint8Array([...file.filter((_, i) => i % 2 === 0), file.length % 251]);
}
