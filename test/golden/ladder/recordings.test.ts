import { expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { PATCH_VALUES } from "../../../src/image/patchify.ts";
import { ConfigJson } from "../../../src/model/config-json.ts";
import type { Backend } from "../../../src/tensor/backend.ts";
import { argmax } from "./climb.ts";
import { readGolden } from "./harness.ts";
import { BACKENDS, openModel } from "./open-model.ts";

/** A backend that counts how often a graph is made ready. */
function countLowering(backend: Backend): { readonly backend: Backend; readonly lowered: () => number } {
  let count = 0;
  const counting: Backend = {
    info: backend.info,
    get residentBytes() {
      return backend.residentBytes;
    },
    upload: (source, options) => backend.upload(source, options),
    createState: (graph, name) => backend.createState(graph, name),
    lower: (graph, options) => {
      count++;
      return backend.lower(graph, options);
    },
    [Symbol.dispose]: () => backend[Symbol.dispose](),
  };
  return { backend: counting, lowered: () => count };
}

const SEED = 20261122;
const LARGEST_VIEW = 1152;

for (const folder of ["v2.0", "v2.5", "v2.6", "v4.6"]) {
  test(`${folder}: nothing is recorded again over 20 picture sizes and 200 tokens`, async () => {
    // catches graphs that depend on a picture's size, on the prompt's length or on the position
    await using golden = await readGolden(folder);
    const { backend, lowered } = countLowering(await BACKENDS["wasm, inline"]());
    const files = { config: new ConfigJson(golden.config), language: golden.checkpoint };
    using model = await openModel(files, { backend, batch: { views: 1, patches: LARGEST_VIEW } });
    const atStart = lowered();
    const random = seededRandom(SEED);
    const side = Math.sqrt(model.vision.encoder.patchMultiple);
    for (let i = 0; i < 20; i++) {
      const rows = side * (1 + random.below(30 / side));
      const columns = side * (1 + random.below(30 / side));
      const values = Float32Array.from({ length: rows * columns * PATCH_VALUES }, () => random.next() - 0.5);
      const [view] = await model.vision.encode([{ values, grid: { rows, columns } }]);
      expect(view.tokenCount, `seed ${SEED}`).toBe(model.vision.encoder.tokensPerView({ rows, columns }));
    }
    using sequence = model.decoder.open();
    let logits = await model.decoder.step([{ sequence, ids: Array.from({ length: 57 }, (_, i) => i) }]);
    for (let i = 0; i < 200; i++) logits = await model.decoder.step([{ sequence, ids: [argmax(logits)] }]);
    expect(logits.every((logit) => Number.isFinite(logit))).toBe(true);
    expect(lowered()).toBe(atStart);
  });
}
