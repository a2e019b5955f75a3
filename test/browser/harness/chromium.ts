import { existsSync } from "node:fs";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where the browser tests find a Chromium, or the reason why they are skipped. */
export type Chromium = { readonly path: string } | { readonly missing: string };

/** Looks at the CHROMIUM variable first, then where Debian and its relatives install it. */
export function findChromium(named: string | undefined = process.env.CHROMIUM): Chromium {
  if (named !== undefined && named !== "") {
    return existsSync(named) ? { path: named } : { missing: `CHROMIUM names ${named}, which does not exist` };
  }
  const path = PLACES.find((place) => existsSync(place));
  return path === undefined
    ? { missing: `no Chromium at ${PLACES.join(", ")}; install one or name it in the CHROMIUM variable` }
    : { path };
}

/** Headless in a container, quiet on a closed network; WebGPU on its software adapter where there is no card. */
export const CHROMIUM_ARGUMENTS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];

/** What a page needs to be cross-origin isolated, and so to share memory between workers. */
export const ISOLATION_HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};
