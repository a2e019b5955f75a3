import type { I32, Local } from "../emit/expression.ts";
import type { FunctionBuilder } from "../emit/function-builder.ts";
import type { FunctionHandle, ModuleBuilder } from "../emit/module-builder.ts";
import { f32, i32 } from "../emit/scalar.ts";
import { f32x4, i32x4, v128 } from "../emit/simd.ts";
import type { KernelVariant } from "./kernel.ts";
import { reduceLanes, vectorMath } from "./math.ts";

/** Score of a key outside the row's span: finite, because −inf − −inf is NaN. */
const MASKED = -1e30;
/** Running maximum before any key: far above MASKED, so that a block without a visible key adds weights of exactly 0. */
export const NO_MAXIMUM = -1e29;

/** Running maximum and running sum of a row. */
export const STATE_BYTES = 8;

const PARAMETERS = ["scores", "keys", "lower", "upper", "scaleBits", "state", "yRow", "widthBytes"] as const;

/** Operands of a softmax step; the span of visible keys is lower ≤ key < upper, counted from the block's first key. */
export type SoftmaxOperands = Readonly<Record<(typeof PARAMETERS)[number], I32>>;

/** Adds the online softmax step of one row: scores become weights, the running state and the output row are rescaled. */
export function emitSoftmaxStep(
  module: ModuleBuilder,
  variant: KernelVariant,
): (f: FunctionBuilder, operands: SoftmaxOperands) => void {
  const handle = emitFunction(module, variant);
  return (f, operands) => f.emit(handle.call(...PARAMETERS.map((name) => operands[name])));
}

function emitFunction(module: ModuleBuilder, variant: KernelVariant): FunctionHandle {
  const math = vectorMath(variant);
  return module.function(
    PARAMETERS.map(() => "i32"),
    {},
    (f) => {
      const [scores, keys, lower, upper, scaleBits, state, yRow, widthBytes] = PARAMETERS.map((_, index) =>
        f.parameter(index, "i32"),
      );
      const before = f.v128(v128.load32Splat(state));
      const end = f.i32(i32.add(scores, i32.shl(keys, 2)));
      const maximum = maskedMaximum(f, { scores, end, lower, upper, scaleBits, before });
      const sum = f.v128(f32x4.all(0));
      const at = f.i32(scores);
      f.while(i32.ltU(at, end), () => {
        const weight = math.exp(f, f32x4.sub(v128.load(at), maximum));
        f.set(sum, f32x4.add(sum, weight));
        f.emit(v128.store(at, weight));
        f.advance(at, 16);
      });
      reduceLanes(f, sum, f32x4.add);
      const factor = math.exp(f, f32x4.sub(before, maximum));
      f.set(sum, f32x4.add(sum, f32x4.mul(factor, v128.load32Splat(state, 4))));
      f.emit(v128.store32Lane(state, maximum, 0), v128.store32Lane(state, sum, 0, 4));
      f.if(f32.lt(f32x4.extract(factor, 0), 1), () => scaleVectors(f, yRow, yRow, widthBytes, factor));
    },
  );
}

interface MaximumOperands extends Pick<SoftmaxOperands, "scores" | "lower" | "upper" | "scaleBits"> {
  readonly end: I32;
  readonly before: Local<"v128">;
}

function maskedMaximum(f: FunctionBuilder, p: MaximumOperands): Local<"v128"> {
  const scale = f.v128(f32x4.splat(f32.reinterpretI32(p.scaleBits)));
  const maximum = f.v128(p.before);
  const value = f.v128();
  const lanes = f.v128(i32x4.const([0, 1, 2, 3]));
  const [lower, upper] = [f.v128(i32x4.splat(p.lower)), f.v128(i32x4.splat(p.upper))];
  const at = f.i32(p.scores);
  f.while(i32.ltU(at, p.end), () => {
    const visible = v128.andnot(i32x4.gtS(upper, lanes), i32x4.gtS(lower, lanes));
    f.set(value, v128.bitselect(f32x4.mul(v128.load(at), scale), f32x4.all(MASKED), visible));
    f.set(maximum, f32x4.pmax(maximum, value));
    f.emit(v128.store(at, value));
    f.set(lanes, i32x4.add(lanes, i32x4.splat(4)));
    f.advance(at, 16);
  });
  reduceLanes(f, maximum, f32x4.max);
  return maximum;
}

/** to[i] = from[i]·factor over `bytes` bytes, a multiple of 16. */
export function scaleVectors(f: FunctionBuilder, to: I32, from: I32, bytes: I32, factor: Local<"v128">): void {
  const at = f.i32(0);
  f.while(i32.ltU(at, bytes), () => {
    f.emit(v128.store(i32.add(to, at), f32x4.mul(v128.load(i32.add(from, at)), factor)));
    f.advance(at, 16);
  });
}
