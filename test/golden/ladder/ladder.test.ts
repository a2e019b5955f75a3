import { test } from "vitest";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { climb } from "./climb.ts";
import { readGolden } from "./harness.ts";
import { BACKENDS, type BackendName, openModel } from "./open-model.ts";

/** Cases of each version's recordings. The first is climbed on the oracle too, which is slow. */
const LADDERS = {
  "v1.0": ["landscape"],
  "v2.0": ["small", "landscape"],
  "v2.5": ["small", "landscape", "landscape_per_view"],
  "v2.6": ["small", "landscape", "ties", "pair"],
  "o2.6": ["small"],
  "v4.0": ["portrait", "landscape"],
  "v4.5": ["landscape", "video"],
  "o4.5": ["small"],
  "v4.6": ["small", "landscape", "small_4x"],
} as const;

interface Run {
  readonly folder: string;
  readonly name: string;
  readonly backendName: BackendName;
}

const RUNS: readonly Run[] = Object.entries(LADDERS).flatMap(([folder, names]) =>
  names.flatMap((name, i) =>
    (Object.keys(BACKENDS) as BackendName[])
      .filter((backendName) => i === 0 || backendName !== "oracle")
      .map((backendName) => ({ folder, name, backendName })),
  ),
);

for (const { folder, name, backendName } of RUNS) {
  // catches any difference of model text, weight names, positions, kernels or caches from the released code
  test(`${folder} gives the official stages and tokens: ${name} on ${backendName}`, async () => {
    await using golden = await readGolden(folder);
    const { configChange, downsampleMode, call } = golden.cases[name];
    const config = new ConfigJson({ ...golden.config, ...configChange });
    using model = await openModel(
      { config, language: golden.checkpoint },
      {
        backend: await BACKENDS[backendName](),
        batch: call?.temporal_ids === undefined ? { views: 1, patches: 1152 } : { views: 3, patches: 3200 },
        ...(downsampleMode === undefined ? {} : { options: { downsample: downsampleMode } }),
      },
    );
    await climb(golden, name, model);
  });
}
