import { between, chance, integer, type Random } from "./random.ts";

export interface Colours {
  readonly paper: string;
  readonly ink: string;
  readonly coloured: boolean;
}

function grey(value: number): string {
  const v = Math.round(value);
  return `rgb(${v},${v},${v})`;
}

/** Ink on paper with enough contrast to read: mostly black on white, sometimes tinted or coloured. */
export function inkColours(random: Random): Colours {
  if (!chance(random, 0.25))
    return { paper: grey(between(random, 205, 256) - 0.5), ink: grey(between(random, 0, 90)), coloured: false };
  const hue = random.below(360);
  const light = chance(random, 0.6);
  const paper = `hsl(${hue},${integer(random, 5, 70)}%,${light ? integer(random, 80, 97) : integer(random, 12, 32)}%)`;
  const ink = `hsl(${(hue + integer(random, 0, 359)) % 360},${integer(random, 10, 90)}%,${light ? integer(random, 6, 34) : integer(random, 78, 98)}%)`;
  return { paper, ink, coloured: true };
}
