import { expect, test } from "vitest";
import { answer, openPair, type TorchAnswer, written } from "./ask.ts";
import { goldenFile, nmse, readJson } from "./harness.ts";

/**
 * What 8-bit activations add may be a few times what 8-bit weights cost; measured: 1.8 (2.5), 2.3 (2.6), 1.3 (4.5),
 * 0.5 (4.6). The tiny models are far more sensitive than real ones: Q8_0 alone costs 4.6 an NMSE of 0.03.
 */
const INTEGER_SHARE = 4;

for (const folder of ["v2.5", "v2.6", "v4.5", "v4.6"]) {
  test(`${folder} as Q8_0: the integer path adds little to what the weights lost`, async () => {
    // catches wrong scales, block sums and activation rounding, which leave plausible text
    const torch = await readJson<TorchAnswer>(folder, "gguf/torch.json");
    const pair = await openPair(folder);
    const files = { language: await written(pair.language, "Q8_0"), vision: await written(pair.vision, "Q8_0") };
    await Promise.all([pair.language.close(), pair.vision.close()]);
    const picture = goldenFile(folder, "gguf/square.png");
    const asked = { ids: torch.inputIds, options: {} };
    const float = await answer(files, picture, { ...asked, precision: "float" });
    const integer = await answer(files, picture, { ...asked, precision: "integer" });
    const lost = nmse(float.lastLogits, torch.lastLogits);
    const added = nmse(integer.lastLogits, float.lastLogits);
    expect(lost).toBeGreaterThan(0);
    expect(added, `weights lost ${lost}`).toBeGreaterThan(0);
    expect(added / lost, `weights lost ${lost}, integers added ${added}`).toBeLessThan(INTEGER_SHARE);
  });
}
