import { expect, test } from "vitest";
import { ConfigJson } from "../model/config-json.ts";
import { describeModel } from "../model/minicpmv/registry.ts";
import { ggufVisionNaming } from "../model/naming/gguf.ts";
import { fakeCheckpoint } from "../model/testing/fake-checkpoint.ts";
import { PUBLISHED_CONFIGS } from "../model/testing/published-configs.ts";
import { chooseTypes } from "../quantize/mixture.ts";
import type { GgufValue } from "../weights/gguf/value.ts";
import { byteLengthOf, type GgmlType } from "../weights/quant/formats.ts";
import type { TensorPlace } from "../weights/tensor-place.ts";
import { padTower } from "./tower-padding.ts";

const METADATA = new Map<string, GgufValue>([
  ["clip.vision.embedding_length", { type: "u32", value: 1152 }],
  ["clip.vision.feed_forward_length", { type: "u32", value: 4304 }],
]);

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function place(name: string, shape: readonly number[], type: GgmlType): TensorPlace {
  return { name, shape, type, offsetBytes: 0, byteLength: byteLengthOf(type, elements(shape)) };
}

/** The tower of 4.6 as published: matrices in F16, vectors and the table of positions in F32. */
async function publishedTower(): Promise<readonly TensorPlace[]> {
  const language = fakeCheckpoint({ container: "safetensors" });
  const { encoder, computed } = await describeModel({ config: new ConfigJson(PUBLISHED_CONFIGS["4.6"]), language });
  const graph = encoder.graph({ views: 1, patches: encoder.patchMultiple });
  const naming = ggufVisionNaming({ isSwapped: false });
  return Object.entries(graph.weights).flatMap(([name, id]) => {
    const shape = graph.values[id].dims.map(({ capacity }) => capacity);
    const found = computed(name) === undefined ? naming(name, shape) : undefined;
    if (found === undefined) return [];
    const isFloat = shape.length < 2 || /position/.test(found.name);
    return [place(found.name, found.shape ?? shape, isFloat ? "F32" : "F16")];
  });
}

// catches layers that stay in 16 bit because their rows are no whole blocks: that would be 728 MB
test("4.6's tower goes from 1109 MB to 603", async () => {
  const places = await publishedTower();
  const { shapes } = padTower(METADATA, places);
  const declared = places.map(({ name, type }, i) => ({ name, type, shape: shapes[i] }));
  const types = chooseTypes("Q8_0", declared);
  const megabytes = (typeOf: (i: number) => GgmlType, shapeOf: (i: number) => readonly number[]): number =>
    places.reduce((sum, _, i) => sum + byteLengthOf(typeOf(i), elements(shapeOf(i))), 0) / 1e6;
  expect(
    Math.round(
      megabytes(
        (i) => places[i].type,
        (i) => places[i].shape,
      ),
    ),
  ).toBe(1109);
  const packed = megabytes(
    (i) => types[i],
    (i) => shapes[i],
  );
  // 590 with the table of positions in F16
  expect(Math.round(packed)).toBe(603);
});

// catches a width that is changed in one of the two maps only, or where another dimension happens to have its size
test("both maps and the bias of a feed-forward are widened together, whatever they are called, and nothing else", () => {
  const tower = [
    place("v.blk.0.ffn_up.weight", [4304, 1152], "F16"),
    place("v.blk.0.ffn_down.weight", [1152, 4304], "F16"),
    place("v.blk.0.ffn_up.bias", [4304], "F32"),
    place("v.blk.0.ffn_down.bias", [1152], "F32"),
    place("v.vit_merger.ds_ffn_up.weight", [17_216, 4608], "F16"),
    place("v.blk.0.attn_q.weight", [1152, 1152], "F16"),
    place("resampler.query", [64, 4304], "F16"),
  ];
  const { shapes, metadata } = padTower(METADATA, tower);
  expect(shapes).toEqual([[4320, 1152], [1152, 4320], [4320], [1152], [17_280, 4608], [1152, 1152], [64, 4304]]);
  expect(metadata.get("clip.vision.feed_forward_length")).toEqual({ type: "u32", value: 4320 });
  const fitting = new Map(METADATA).set("clip.vision.feed_forward_length", { type: "u32", value: 4320 });
  expect(padTower(fitting, tower)).toEqual({ metadata: fitting, shapes: tower.map(({ shape }) => shape) });
});
