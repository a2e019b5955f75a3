import { startWebWorker } from "../../backend/wasm/start-web-worker.ts";
import { webImageDecoders } from "../../image/web/web-image-decoders.ts";
import { HttpError } from "../../io/errors.ts";
import { openSource } from "../../io/web/open-source.ts";
import { EMBEDDED_MODEL } from "../embedded-model.ts";
import type { ModelParts, Platform } from "../platform.ts";
import { embeddedParts } from "./embedded-parts.ts";

/** What a tab may take where the browser does not say more. */
const PAGE_BYTES = 3 * 2 ** 30;

/** A page or worker: addresses, blobs, threads where the page is cross-origin isolated. */
export function webPlatform(): Platform {
  const isIsolated = globalThis.crossOriginIsolated === true;
  return {
    kind: "web",
    startWorker: isIsolated ? startWebWorker : undefined,
    coreCount: isIsolated ? (globalThis.navigator?.hardwareConcurrency ?? 1) : 1,
    memoryBytes: PAGE_BYTES,
    imageDecoders: webImageDecoders(),
    nowMs: () => performance.now(),
    // pages have localStorage, workers have not
    recall: async (note) => globalThis.localStorage?.getItem(`minicpmv ${note}`) ?? undefined,
    remember: async (note, text) => globalThis.localStorage?.setItem(`minicpmv ${note}`, text),
    open: (where, signal) => openSource(where, {}, signal),
    locate: async (reference, { vision }): Promise<ModelParts> => {
      if (reference === EMBEDDED_MODEL) return embeddedParts();
      const base = new URL(reference, globalThis.location?.href);
      const isFolder = base.pathname.endsWith("/");
      const language = isFolder ? new URL("model.safetensors", base) : base;
      return {
        language: language.href,
        ...(vision === undefined ? {} : { vision }),
        companion: async (name) => {
          try {
            return await openSource(new URL(name, base).href);
          } catch (error) {
            if (error instanceof HttpError && error.status === 404) return undefined;
            throw error;
          }
        },
      };
    },
  };
}
