import {
  needDim,
  needDType,
  needRank,
  numbersAttribute,
  type OpDefinition,
  sizeOf,
  stringAttribute,
} from "../definition.ts";
import { ShapeError } from "../errors.ts";

/**
 * Rotates pairs of the first 2·n values of each head by position × frequency. Angles are rounded to float32 before the
 * sine, because every published implementation computes them so.
 */
export const rotary: OpDefinition = {
  equation: "(a, b) → (a cos θ − b sin θ, a sin θ + b cos θ), θ = position · inverseFrequencies[pair]",
  effect: "pure",
  infer: (call) => {
    needDType(call, 0, "x", "f32");
    needRank(call, 0, "x", 3);
    needDType(call, 1, "positions", "i32");
    needRank(call, 1, "positions", 1);
    const [, rows, width] = call.inputs[0].dims;
    needDim(call, "positions", rows, call.inputs[1].dims[0]);
    const pairs = numbersAttribute(call.attributes, "inverseFrequencies").length;
    if (2 * pairs > width.capacity) {
      throw new ShapeError(call.op, `${pairs} frequency pairs do not fit a head of width ${width.capacity}`);
    }
    return [{ dims: call.inputs[0].dims, dtype: "f32" }];
  },
  flops: ({ outputs: [y] }) => 6 * sizeOf(y),
  reference: ({ inputs: [x, positions], attributes }) => {
    const [heads, rows, width] = x.extents;
    const frequencies = numbersAttribute(attributes, "inverseFrequencies");
    const isAdjacent = stringAttribute(attributes, "pairing") === "adjacent";
    const sign = attributes.isInverse === true ? -1 : 1;
    const y = x.data.slice();
    for (let h = 0; h < heads; h++) {
      for (let n = 0; n < rows; n++) {
        const at = (h * rows + n) * width;
        for (let i = 0; i < frequencies.length; i++) {
          const angle = sign * Math.fround(positions.data[n] * Math.fround(frequencies[i]));
          const first = at + (isAdjacent ? 2 * i : i);
          const second = isAdjacent ? first + 1 : first + frequencies.length;
          y[first] = x.data[first] * Math.cos(angle) - x.data[second] * Math.sin(angle);
          y[second] = x.data[first] * Math.sin(angle) + x.data[second] * Math.cos(angle);
        }
      }
    }
    return [y];
  },
  vjp: (emit, { inputs: [, positions], gradients: [dy], attributes }) => {
    if (dy === undefined) return [];
    const isInverse = attributes.isInverse !== true;
    return [emit("rotary", [dy, positions], { ...attributes, isInverse })[0], undefined];
  },
};
