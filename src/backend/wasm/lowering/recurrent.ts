import type { Node, ValueId } from "../../../tensor/graph.ts";
import { at, ELEMENT_BYTES, type Place, rowsTimes } from "../place.ts";
import type { LoweringContext } from "./context.ts";
import { lowerOnHost } from "./host.ts";

/** The history is kept as [sequence][J − 1][channels], so that a step touches whole vectors. */
export function lowerCausalConv(c: LoweringContext, node: Node): void {
  const [xId, weightId, historyId, sequenceId] = node.inputs;
  const x = c.place(xId);
  const sequence = c.place(sequenceId);
  const history = c.state(historyId);
  const [channels, taps] = c.value(weightId).dims;
  const y = c.output(node);
  c.donate(node, 1, history);
  const weight = transposedWeight(c, weightId);
  c.kernel("causalConv", {
    arguments: {
      x: at(x),
      xStride: x.rowStride,
      weight: at(weight),
      history: history.address,
      sequence: at(sequence),
      y: at(y),
      yStride: y.rowStride,
      rows: rowsTimes(x, 1),
      begin: 0,
      end: channels.capacity,
      channels: channels.capacity,
      taps: taps.capacity,
    },
    splits: [{ begin: "begin", granule: 64 }],
    reads: [x, weight, sequence, history.buffer],
    writes: [y, history.buffer],
  });
}

/** [X, J] to [J, X], once per executable: a few taps of every channel. */
function transposedWeight(c: LoweringContext, id: ValueId): Place {
  const place = c.home(id);
  const [channels, taps] = c.value(id).dims.map((d) => d.capacity);
  return c.shared(`taps ${id}`, () => {
    const stored = c.floatsOf(c.weightForm(id, "plain"));
    const values = new Float32Array(channels * taps);
    for (let x = 0; x < channels; x++) {
      for (let j = 0; j < taps; j++) values[j * channels + x] = stored[x * taps + j];
    }
    const rowStride = channels * ELEMENT_BYTES;
    return { ...place, buffer: c.constant(values), offsetBytes: 0, rowStride, width: channels };
  });
}

// the kernel reads keys and values in vectors of this many floats
const WIDTH_GRANULE = 8;

export function lowerDeltaNet(c: LoweringContext, node: Node): void {
  const [qId, kId, vId, decayId, betaId, stateId, sequenceId] = node.inputs;
  const [, , keyWidth, valueWidth] = c.value(stateId).dims.map((d) => d.capacity);
  if (keyWidth % WIDTH_GRANULE !== 0 || valueWidth % WIDTH_GRANULE !== 0) {
    lowerOnHost(c, node);
    return;
  }
  const [q, k] = equallyStrided(c, qId, kId);
  const v = c.place(vId);
  const decay = c.dense(decayId);
  const beta = c.dense(betaId);
  const sequence = c.place(sequenceId);
  const state = c.state(stateId);
  const y = c.output(node);
  c.donate(node, 1, state);
  c.kernel("deltaNet", {
    arguments: {
      q: at(q),
      k: at(k),
      keyHeadStride: q.headStride,
      keyRowStride: q.rowStride,
      v: at(v),
      vHeadStride: v.headStride,
      vRowStride: v.rowStride,
      y: at(y),
      yHeadStride: y.headStride,
      yRowStride: y.rowStride,
      decay: at(decay),
      beta: at(beta),
      state: state.address,
      sequence: at(sequence),
      rows: rowsTimes(q, 1),
      headBegin: 0,
      headEnd: q.headCount,
      heads: q.headCount,
      keyWidth,
      valueWidth,
    },
    splits: [{ begin: "headBegin", granule: 1 }],
    reads: [q, k, v, decay, beta, sequence, state.buffer],
    writes: [y, state.buffer],
  });
}

/** The kernel takes one pair of strides for both. */
function equallyStrided(c: LoweringContext, a: ValueId, b: ValueId): readonly [Place, Place] {
  const [x, y] = [c.place(a), c.place(b)];
  if (x.rowStride === y.rowStride && x.headStride === y.headStride) return [x, y];
  return [c.dense(a), c.dense(b)];
}
