import type { Call } from "../definition.ts";
import { needDim, needDType, needRank, type OpDefinition, type ReferenceArray, sizeOf } from "../definition.ts";

const NO_SECOND = { nondifferentiable: "second derivatives are not needed by any training stage" };

function checkTargets(call: Call): void {
  needDType(call, 0, "logits", "f32");
  needRank(call, 0, "logits", 2);
  needDType(call, 1, "targets", "i32");
  needDim(call, "targets", call.inputs[0].dims[0], call.inputs[1].dims[0]);
}

/** Sum over rows of weight · −log softmax(logits)[target]; the caller divides by the global count of supervised tokens. */
export const crossEntropy: OpDefinition = {
  equation: "y = Σₜ weights[t] · (log Σᵥ e^{x[t,v]} − x[t, targets[t]])",
  effect: "pure",
  infer: (call) => {
    checkTargets(call);
    needDim(call, "weights", call.inputs[0].dims[0], call.inputs[2].dims[0]);
    return [{ dims: [], dtype: "f32" }];
  },
  flops: ({ inputs: [x] }) => 5 * sizeOf(x),
  reference: ({ inputs: [x, targets, weights] }) => {
    let sum = 0;
    for (const [t, target] of targets.data.entries()) {
      if (weights.data[t] !== 0) sum -= weights.data[t] * logProbability(x, t, target);
    }
    return [Float64Array.of(sum)];
  },
  vjp: (emit, { inputs: [x, targets, weights], gradients: [dy] }) => {
    if (dy === undefined) return [];
    const spread = emit("broadcastAll", [dy], {}, weights.dims)[0];
    const rowWeights = emit("binary", [spread, weights], { kind: "multiply" })[0];
    const [negative] = emit("tokenLogProbabilityBackward", [x, targets, rowWeights]);
    return [emit("scale", [negative], { factor: -1 })[0], undefined, undefined];
  },
};

export const tokenLogProbability: OpDefinition = {
  equation: "y[t] = x[t, targets[t]] − log Σᵥ e^{x[t,v]}",
  effect: "pure",
  infer: (call) => {
    checkTargets(call);
    return [{ dims: [call.inputs[0].dims[0]], dtype: "f32" }];
  },
  flops: ({ inputs: [x] }) => 5 * sizeOf(x),
  reference: ({ inputs: [x, targets] }) => [
    Float64Array.from(targets.data, (target, t) => logProbability(x, t, target)),
  ],
  vjp: (emit, { inputs: [x, targets], gradients: [dy] }) => [
    dy && emit("tokenLogProbabilityBackward", [x, targets, dy])[0],
    undefined,
  ],
};

export const tokenLogProbabilityBackward: OpDefinition = {
  equation: "dx[t, v] = dy[t] · ([v = targets[t]] − softmax(x[t])ᵥ)",
  effect: "pure",
  infer: (call) => {
    checkTargets(call);
    needDim(call, "dy", call.inputs[0].dims[0], call.inputs[2].dims[0]);
    return [{ dims: call.inputs[0].dims, dtype: "f32" }];
  },
  flops: ({ inputs: [x] }) => 7 * sizeOf(x),
  reference: ({ inputs: [x, targets, dy] }) => {
    const [rows, width] = x.extents;
    const dx = new Float64Array(x.data.length);
    for (let t = 0; t < rows; t++) {
      if (dy.data[t] === 0) continue;
      const norm = logSum(x, t);
      for (let v = 0; v < width; v++) {
        const hit = v === targets.data[t] ? 1 : 0;
        dx[t * width + v] = dy.data[t] * (hit - Math.exp(x.data[t * width + v] - norm));
      }
    }
    return [dx];
  },
  vjp: NO_SECOND,
};

export const spanSum: OpDefinition = {
  equation: "y[b] = Σ x[t] over begin[b] ≤ t < end[b]",
  effect: "pure",
  infer: (call) => {
    needRank(call, 0, "x", 1);
    needDType(call, 1, "spans", "i32");
    needRank(call, 1, "spans", 2);
    return [{ dims: [call.inputs[1].dims[0]], dtype: "f32" }];
  },
  flops: ({ inputs: [x] }) => sizeOf(x),
  reference: ({ inputs: [x, spans] }) => {
    const y = new Float64Array(spans.extents[0]);
    for (let b = 0; b < y.length; b++) {
      for (let t = spans.data[2 * b]; t < spans.data[2 * b + 1]; t++) y[b] += x.data[t];
    }
    return [y];
  },
  vjp: (emit, { inputs: [x, spans], gradients: [dy] }) => [
    dy && emit("spanSpread", [dy, spans], {}, x.dims)[0],
    undefined,
  ],
};

export const spanSpread: OpDefinition = {
  equation: "y[t] = Σ x[b] over the spans b that hold t",
  effect: "pure",
  infer: (call) => [{ dims: call.dims, dtype: "f32" }],
  flops: ({ outputs: [y] }) => sizeOf(y),
  reference: ({ inputs: [x, spans], outputs: [shape] }) => {
    const y = new Float64Array(sizeOf(shape));
    for (let b = 0; b < x.data.length; b++) {
      for (let t = spans.data[2 * b]; t < spans.data[2 * b + 1]; t++) y[t] += x.data[b];
    }
    return [y];
  },
  vjp: NO_SECOND,
};

function logSum(x: ReferenceArray, row: number): number {
  const width = x.extents[1];
  const logits = x.data.subarray(row * width, (row + 1) * width);
  const top = logits.reduce((max, v) => Math.max(max, v), -Infinity);
  return top + Math.log(logits.reduce((sum, v) => sum + Math.exp(v - top), 0));
}

function logProbability(x: ReferenceArray, row: number, target: number): number {
  return x.data[row * x.extents[1] + target] - logSum(x, row);
}
