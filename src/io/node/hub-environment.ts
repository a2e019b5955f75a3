import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type FetchLike, type HttpSettings, httpSettings } from "../http/settings.ts";
import { HUGGING_FACE, huggingFaceHub } from "../hub/hugging-face.ts";
import type { Hub } from "../hub/listing.ts";
import { MODEL_SCOPE, modelScopeHub } from "../hub/model-scope.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the usual variables (HF_*, HTTPS_PROXY, MINICPMV_CACHE) say, read once. */
export interface HubEnvironment {
  /** Shared with other tools that use the Hugging Face cache layout. */
  readonly cacheFolder: string;
  /** For what only this library can read, such as repacked towers. */
  readonly derivedFolder: string;
  readonly endpoint: string;
  readonly isOffline: boolean;
  readonly token: string | undefined;
  readonly http: HttpSettings;
}

/** Reads the variables and the stored token. `given` replaces parts of the HTTP settings. */
export async function readHubEnvironment(env: Environment, given: Partial<HttpSettings> = {}): Promise<HubEnvironment> {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface");
  const endpoint = (env.HF_ENDPOINT || HUGGING_FACE).replace(/\/+$/, "");
  const token =
    env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || (await storedToken(env.HF_TOKEN_PATH || join(home, "token")));
  const origin = new URL(endpoint).origin;
  return {
    cacheFolder: env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, "hub"),
    derivedFolder: env.MINICPMV_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "minicpmv"),
    endpoint,
    isOffline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? ""),
    token,
    http: httpSettings({
      fetch: await proxied(env),
      ...given,
      headers: (url) => ({
        // ModelScope refuses clients that do not say who they are.
        "user-agent": "minicpmv (node)",
        ...given.headers?.(url),
        // Only the hub itself sees the token, never the storage it redirects to.
        ...(token !== undefined && new URL(url).origin === origin ? { authorization: `Bearer ${token}` } : {}),
      }),
    }),
  };
}

/** The configured hub first, then ModelScope. A hub named on purpose still has the fall-back: the checksums come from the first. */
export function defaultHubs(environment: HubEnvironment): Hub[] {
  const { http, endpoint } = environment;
  return [huggingFaceHub(http, endpoint), modelScopeHub(http, MODEL_SCOPE)];
}

const PROXY_VARIABLE = /^(https?|all)_proxy$/i;

/** Loaded only where it is needed: Node's HTTP client takes 8 MB of memory, which a model on this disk has no use for. */
async function proxied(env: Environment): Promise<FetchLike | undefined> {
  const hasProxy = Object.entries(env).some(([name, value]) => PROXY_VARIABLE.test(name) && value !== undefined);
  return hasProxy ? (await import("./proxy-fetch.ts")).proxyFetch(env) : undefined;
}

async function storedToken(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.trim() || undefined;
}
