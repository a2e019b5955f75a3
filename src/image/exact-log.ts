/** An unevaluated sum of two doubles: about 106 bits. */
type Pair = readonly [high: number, low: number];

const LN2: Pair = [Math.LN2, 2.3190468138462996e-17]; // ln 2 − Math.LN2, from its decimal expansion
const SERIES_TERMS = 24; // the last term is below 2^−110 for every argument

/**
 * Natural logarithm rounded as if exact. Engines' Math.log differ from each other and from C in the last bit, and the
 * slice grid search compares logarithms that are equal but for it.
 */
export function exactLog(value: number): number {
  const exponent = Math.round(Math.log2(value));
  const mantissa = value / 2 ** exponent; // near 1, exact
  // ln m = 2 atanh((m − 1) / (m + 1)) = 2 (s + s³/3 + s⁵/5 + …)
  const s = divide(sumOf(mantissa, -1), sumOf(mantissa, 1));
  const square = multiply(s, s);
  let series: Pair = [0, 0];
  for (let k = SERIES_TERMS; k >= 0; k--) series = add(multiply(series, square), divide([1, 0], [2 * k + 1, 0]));
  const logarithm = multiply(multiply(series, s), [2, 0]);
  return add(multiply(LN2, [exponent, 0]), logarithm)[0];
}

// Knuth's exact sum of two doubles
function sumOf(a: number, b: number): Pair {
  const high = a + b;
  const part = high - a;
  return [high, a - (high - part) + (b - part)];
}

// Dekker's exact product of two doubles
function productOf(a: number, b: number): Pair {
  const [aHigh, aLow] = split(a);
  const [bHigh, bLow] = split(b);
  const high = a * b;
  return [high, aLow * bLow - (high - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

function split(value: number): Pair {
  const scaled = value * (2 ** 27 + 1);
  const high = scaled - (scaled - value);
  return [high, value - high];
}

function add([a, aLow]: Pair, [b, bLow]: Pair): Pair {
  const [high, low] = sumOf(a, b);
  const [tail, rest] = sumOf(aLow, bLow);
  const [top, carry] = sumOf(high, low + tail);
  return sumOf(top, carry + rest);
}

function multiply([a, aLow]: Pair, [b, bLow]: Pair): Pair {
  const [high, low] = productOf(a, b);
  return sumOf(high, low + (a * bLow + aLow * b));
}

function divide(a: Pair, b: Pair): Pair {
  const first = a[0] / b[0];
  const rest = add(a, multiply(b, [-first, 0]));
  const second = rest[0] / b[0];
  const last = add(rest, multiply(b, [-second, 0]))[0] / b[0];
  return add(sumOf(first, second), [last, 0]);
}
