import { AbortedError } from "../../../src/base/errors.ts";
import { type Clock, systemClock } from "../../../src/io/clock.ts";
import { type HttpSettings, httpSettings } from "../../../src/io/http/settings.ts";

export interface TestClock extends Clock {
  /** Waits that were asked for, none of which was waited. */
  readonly waitsMs: number[];
}

/** Real timers for stall detection; waits between tries pass at once and are noted. */
export function testClock(): TestClock {
  const waitsMs: number[] = [];
  return {
    nowMs: systemClock.nowMs,
    timer: systemClock.timer,
    waitsMs,
    sleep: async (durationMs, signal) => {
      if (signal?.aborted) throw new AbortedError("Waiting", { cause: signal.reason });
      waitsMs.push(durationMs);
    },
  };
}

/** Settings for tests over loopback: no waits, and a stall is noticed after `idleTimeoutMs`. */
export function testHttp(given: Partial<HttpSettings> = {}): HttpSettings {
  return httpSettings({ clock: testClock(), idleTimeoutMs: 2000, ...given });
}
