import { expect, test } from "vitest";
import { dim } from "../tensor/dim.ts";
import type { Graph } from "../tensor/graph.ts";
import { record } from "../tensor/recorder.ts";
import { WeightMismatchError } from "../weights/errors.ts";
import { bindModel } from "./bind-model.ts";
import { fakeCheckpoint } from "./testing/fake-checkpoint.ts";

/** A graph that asks for one matrix and one bias. */
function part(name: string, rows: number): Graph {
  return record((ops) => {
    const [N, D] = [dim("N", rows), dim("D", 4)];
    const matrix = ops.weight<["N", "D"]>(`${name}.weight`, N, D);
    ops.output(name, ops.addRow(matrix, ops.weight<["D"]>(`${name}.bias`, D)));
  });
}

const description = {
  naming: {
    language: (name: string) => ({ name }),
    vision: (name: string) => ({ name: `v.${name}` }),
    ignored: [/^apm\./],
  },
  computed: () => undefined,
};
const graphs = { vision: [part("tower", 3)], decoder: [part("llm", 2)] };

test("every gap, leftover and wrong shape of both files is reported together", () => {
  // one error at a time costs a person one download at a time
  const language = fakeCheckpoint({
    fileName: "llm.gguf",
    tensors: { "llm.weight": [2, 5], "llm.extra": [1], "apm.conv": [1] },
  });
  const vision = fakeCheckpoint({ fileName: "mmproj.gguf", tensors: { "v.tower.bias": [4], "v.other": [2] } });
  let thrown: unknown;
  try {
    bindModel(description, { language, vision }, graphs);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(WeightMismatchError);
  if (!(thrown instanceof WeightMismatchError)) return;
  expect(thrown.message).toMatch(/^llm\.gguf and mmproj\.gguf/);
  expect(thrown.mismatch).toEqual({
    missing: ["llm.bias", "v.tower.weight"],
    leftover: ["llm.extra", "v.other"],
    wrongShape: ["llm.weight: expected [2, 4], found [2, 5]"],
    wrongType: [],
  });
});

test("one set of files serves both parts", () => {
  // with two accounts of one file each part would call the other's tensors leftovers
  const language = fakeCheckpoint({
    container: "safetensors",
    tensors: { "llm.weight": [2, 4], "llm.bias": [4], "v.tower.weight": [3, 4], "v.tower.bias": [4] },
  });
  const weights = bindModel(description, { language }, graphs);
  expect([...weights.vision.keys(), ...weights.decoder.keys()]).toEqual([
    "tower.weight",
    "tower.bias",
    "llm.weight",
    "llm.bias",
  ]);
});
