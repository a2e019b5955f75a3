/** Rounds as Python's `round(x)` does: halves go to the even neighbour. `Math.round` would move slices by a patch. */
export function pythonRound(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor; // exact for any double that has a fraction
  if (rest === 0.5) return floor % 2 === 0 ? floor : floor + 1;
  return rest < 0.5 ? floor : floor + 1;
}
