import { test } from "vitest";
import { ConfigJson } from "../../../src/model/config-json.ts";
import { climb } from "./climb.ts";
import { type Golden, readGolden, readJson } from "./harness.ts";
import { BACKENDS, type BackendName, openModel } from "./open-model.ts";

/** Every version has recordings; their cases are listed in its manifest. */
const FOLDERS = ["v1.0", "v2.0", "v2.5", "v2.6", "o2.6", "v4.0", "v4.5", "o4.5", "v4.6"];

interface Run {
  readonly folder: string;
  readonly name: string;
  readonly backendName: BackendName;
}

/** All cases on WebAssembly; on the slow oracle the shortest of each version. */
async function listRuns(folder: string): Promise<readonly Run[]> {
  const { cases } = await readJson<Pick<Golden, "cases">>(folder, "manifest.json");
  const names = Object.keys(cases).sort((a, b) => cases[a].promptTokens - cases[b].promptTokens);
  return names.flatMap((name, i) =>
    (Object.keys(BACKENDS) as BackendName[])
      .filter((backendName) => i === 0 || backendName !== "oracle")
      .map((backendName) => ({ folder, name, backendName })),
  );
}

const RUNS = (await Promise.all(FOLDERS.map(listRuns))).flat();

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
