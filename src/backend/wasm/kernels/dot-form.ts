// Which of the two relaxed forms of the 8-bit dot product a machine runs faster. Whether the processor has an instruction for it cannot be
// asked, so both are timed.
import { ModuleBuilder } from "../emit/module-builder.ts";
import { i32x4, v128 } from "../emit/simd.ts";
import { dotAdd } from "./int8-dot.ts";

const CHAINS = 4;
const ROUNDS = 20_000;
/** So many trials at least: one alone may have been interrupted. */
const TRIALS = 5;
/** More follow until one form is faster by this factor … */
const CLEARLY = 1.25;
/** … or so long: the baseline compiler's code, which runs first, shows little of the difference. */
const PATIENCE_MS = 40;
const FORMS = ["fused", "pairs"] as const;

type Form = (rounds: number) => void;

/** `fused` and `pairs` (rounds): CHAINS independent sums of products that differ, or the engine would compute them once. */
function formsModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ shared: false, initialPages: 1, maximumPages: 1 });
  for (const name of FORMS) {
    const dot = dotAdd({ relaxed: true, pairs: name === "pairs", threads: false });
    module.function(["i32"], { name }, (f) => {
      const sums = f.vectors(CHAINS);
      const bytes = sums.map((_, i) => f.v128(v128.load(i * 16)));
      const [nibbles, i] = [f.v128(), f.i32()];
      f.for(i, { from: 0, below: f.parameter(0, "i32") }, () => {
        f.set(nibbles, i32x4.add(nibbles, bytes[0]));
        for (const [c, sum] of sums.entries()) dot(f, sum, bytes[c], nibbles);
      });
      for (const [c, sum] of sums.entries()) f.emit(v128.store(0, sum, (CHAINS + c) * 16));
    });
  }
  return module.encode();
}

/** True where sums in pairs are clearly the faster form. Takes milliseconds; needs relaxed SIMD. Both forms give the same bits. */
export function prefersPairs(now: () => number = () => performance.now()): boolean {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(formsModule()), { env: { memory } });
  const best = { fused: Number.POSITIVE_INFINITY, pairs: Number.POSITIVE_INFINITY };
  const begin = now();
  for (let trial = 1; ; trial++) {
    for (const name of FORMS) {
      const start = now();
      (exports[name] as Form)(ROUNDS);
      best[name] = Math.min(best[name], now() - start);
    }
    const isLate = now() - begin > PATIENCE_MS;
    if (trial < TRIALS && !isLate) continue;
    if (best.pairs * CLEARLY < best.fused) return true;
    if (isLate || best.fused * CLEARLY < best.pairs) return false;
  }
}
