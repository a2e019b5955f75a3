import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { byteLengthOf, type GgmlType } from "../weights/quant/formats.ts";
import { chooseTypes, isQuantisePreset, type TensorSummary } from "./mixture.ts";

interface Golden {
  readonly models: Readonly<
    Record<
      string,
      { names: string[]; shapes: number[][]; types: GgmlType[]; presets: Readonly<Record<string, GgmlType[]>> }
    >
  >;
}

const goldenFile = new URL("../../test/golden/quant/mixture.json", import.meta.url);
const { models } = JSON.parse(readFileSync(goldenFile, "utf8")) as Golden;
const cases = Object.entries(models).flatMap(([model, { presets }]) =>
  Object.keys(presets).map((preset) => ({ model, preset })),
);

// llama.cpp's own quantiser ran on small models of the four families: every tensor's type must be the one it chose.
test.each(cases)("$preset of $model has llama.cpp's types", ({ model, preset }) => {
  if (!isQuantisePreset(preset)) throw new Error(preset);
  const { names, shapes, types, presets } = models[model];
  const chosen = chooseTypes(
    preset,
    names.map((name, i) => ({ name, shape: shapes[i], type: types[i] })),
  );
  expect(names.map((name, i) => `${name} ${chosen[i]}`)).toEqual(
    names.map((name, i) => `${name} ${presets[preset][i]}`),
  );
});

const tensor = (name: string, ...shape: number[]): TensorSummary => ({ name, shape, type: "F16" });

/** MiniCPM-V 4.6's text model: 24 layers, every fourth with full attention, tied embedding. */
function textModel(): TensorSummary[] {
  const tensors = [tensor("token_embd.weight", 248_320, 1024), tensor("output_norm.weight", 1024)];
  for (let n = 0; n < 24; n++) {
    const blk = (name: string, ...shape: number[]) => tensors.push(tensor(`blk.${n}.${name}.weight`, ...shape));
    if (n % 4 === 3) {
      blk("attn_q", 4096, 1024);
      blk("attn_k", 512, 1024);
      blk("attn_v", 512, 1024);
      blk("attn_output", 1024, 2048);
    } else {
      blk("attn_qkv", 6144, 1024);
      blk("attn_gate", 2048, 1024);
      blk("ssm_conv1d", 6144, 4);
      blk("ssm_out", 1024, 2048);
    }
    blk("ffn_gate", 3584, 1024);
    blk("ffn_up", 3584, 1024);
    blk("ffn_down", 1024, 3584);
  }
  return tensors;
}

function typesOf(preset: Parameters<typeof chooseTypes>[0], tensors: readonly TensorSummary[]): Map<string, string> {
  const types = chooseTypes(preset, tensors);
  return new Map(tensors.map(({ name }, i) => [name, types[i]]));
}

// The published Q4_K_M file: layers and size of the specification. A rule on the wrong tensor changes the size.
test("Q4_K_M of MiniCPM-V 4.6 gives the published layers and size", () => {
  const tensors = textModel();
  const types = chooseTypes("Q4_K_M", tensors);
  const down = tensors.flatMap(({ name }, i) => (name.includes("ffn_down") && types[i] === "Q6_K" ? [name] : []));
  const layers = [0, 1, 2, 5, 8, 11, 14, 17, 20, 21, 22, 23];
  expect(down).toEqual(layers.map((n) => `blk.${n}.ffn_down.weight`));
  const bytes = tensors.reduce(
    (total, { shape }, i) =>
      total +
      byteLengthOf(
        types[i],
        shape.reduce((a, b) => a * b, 1),
      ),
    0,
  );
  expect(bytes / 1e6).toBeGreaterThan(509);
  expect(bytes / 1e6).toBeLessThan(519);
});

test("the tied embedding gets the output's type, an untied one the base", () => {
  const embedding = tensor("token_embd.weight", 512, 256);
  expect(typesOf("Q4_K_M", [embedding]).get("token_embd.weight")).toBe("Q6_K");
  const untied = typesOf("Q4_K_M", [embedding, tensor("output.weight", 512, 256)]);
  expect([...untied.values()]).toEqual(["Q4_K", "Q6_K"]);
  expect(typesOf("Q8_0", [embedding]).get("token_embd.weight")).toBe("Q8_0");
  expect(typesOf("Q4_0", [embedding]).get("token_embd.weight")).toBe("Q6_K");
});

// Rows of 1152 and 5760 are multiples of 32 only, rows of 4304 of neither: no block type may be written there.
test("rows that are no multiple of 256 fall back, and of 32 to F16", () => {
  const rows = (rowLength: number) => [tensor("output.weight", 64, 256), tensor("blk.0.attn_q.weight", 64, rowLength)];
  const last = (preset: Parameters<typeof chooseTypes>[0], rowLength: number) =>
    chooseTypes(preset, rows(rowLength))[1];
  expect([last("Q4_K_M", 1152), last("Q5_K_M", 1152), last("Q6_K", 1152), last("Q4_0", 1152)]).toEqual([
    "Q5_0",
    "Q5_1",
    "Q8_0",
    "Q4_0",
  ]);
  expect([last("Q4_K_M", 4304), last("Q8_0", 4304), last("Q4_0", 4304)]).toEqual(["F16", "F16", "F16"]);
});

// Norms, positions, biases and convolutions must come through unchanged, in both naming schemes.
test("what is no matrix weight keeps its type", () => {
  const kept = [
    tensor("blk.0.attn_norm.weight", 256),
    tensor("blk.0.attn_q.bias", 256),
    tensor("blk.0.ssm_conv1d.weight", 256, 256),
    tensor("v.position_embd.weight", 4900, 1152),
    tensor("v.patch_embd.weight", 1152, 3, 14, 14),
    tensor("v.blk.0.ln1.weight", 2, 256),
    tensor("resampler.query", 64, 256),
    tensor("resampler.pos_embed_k", 70, 70, 256),
    tensor("vpm.embeddings.position_embedding.weight", 4900, 1152),
  ];
  expect(chooseTypes("Q8_0", kept)).toEqual(kept.map(() => "F16"));
});

// Legacy vision files swap the names of fc1 and fc2; fc1 must not be taken for the down projection.
test("the vision tower is quantised, and its swapped names are seen through", () => {
  const tower = [
    tensor("v.blk.0.attn_v.weight", 512, 512),
    tensor("v.blk.0.ffn_down.weight", 1024, 512),
    tensor("v.blk.0.ffn_up.weight", 512, 1024),
    tensor("resampler.kv.weight", 256, 512),
  ];
  expect(chooseTypes("Q4_K_S", tower)).toEqual(["Q5_K", "Q4_K", "Q4_K", "Q4_K"]);
  expect(chooseTypes("Q4_K_M", tower)[2]).toBe("Q6_K");
});
