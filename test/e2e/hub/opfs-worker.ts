/** Runs in a dedicated worker of a real browser: pulls the model beside the page into the origin private file system. */
import { httpSettings } from "../../../src/io/http/settings.ts";
import { newSha256 } from "../../../src/io/hub/sha256.ts";
import { staticHub } from "../../../src/io/hub/static-hub.ts";
import { opfsStore } from "../../../src/io/web/opfs-store.ts";
import { opfsFolder } from "../../../src/io/web/opfs-types.ts";
import { pullModelToStorage } from "../../../src/io/web/pull-model.ts";

async function pull(): Promise<unknown> {
  const blobs = opfsStore(await opfsFolder("minicpmv", "blobs"));
  const storage = { blobs, notes: await opfsFolder("minicpmv", "models") };
  const http = httpSettings();
  const hubs = [staticHub(http, new URL("model.json", self.location.href).href)];
  const model = await pullModelToStorage("own/tiny", {
    storage,
    http,
    hubs,
    inspect: async (source) => ({ architecture: new TextDecoder().decode(await source.read(0, 4)) }),
    onProgress: ({ receivedBytes }) => self.postMessage({ receivedBytes }),
  });
  if (model.files.kind !== "gguf") throw new Error("a GGUF model was expected");
  const source = await blobs.open(model.files.language[0].key);
  const sum = newSha256();
  for (let at = 0; at < source.sizeBytes; at += 2 ** 20) {
    sum.update(await source.read(at, Math.min(2 ** 20, source.sizeBytes - at)));
  }
  return { sha256: sum.hex(), projector: model.files.projector?.path };
}

pull().then(
  (value) => self.postMessage({ value }),
  (error: unknown) => self.postMessage({ error: String(error) }),
);
