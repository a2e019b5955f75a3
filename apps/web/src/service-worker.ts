/// <reference lib="webworker" />

// The build puts the names of its files here; a development server leaves the mark, and then nothing is kept.
const LIST = "__OFFLINE_FILES__";
const files: readonly string[] = LIST.startsWith("[") ? JSON.parse(LIST) : [];
const scope = self as unknown as ServiceWorkerGlobalScope; // the page library types `self` as a window
// files with a hash in their name may be kept for ever; the list changes with any of them
const CACHE = `minicpmv-${hashOf(LIST)}`;

scope.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(files.map((file) => new Request(file, { cache: "reload" }))))
      .then(() => scope.skipWaiting()),
  );
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(dropOld().then(() => scope.clients.claim()));
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  // whatever goes elsewhere is the person's own choice of a hub and none of this worker's business
  if (request.method !== "GET" || new URL(request.url).origin !== scope.location.origin) return;
  if (request.headers.has("range")) return;
  event.respondWith(answer(request));
});

async function dropOld(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith("minicpmv-") && name !== CACHE) await caches.delete(name);
  }
}

/** From the cache, else from the network; always with the headers that let threads share memory. */
async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  return isolated(kept ?? (await fetch(request)));
}

/** Static hosts send no such headers; without them a page gets one thread. */
function isolated(response: Response): Response {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

/** FNV-1a of the list: a name for the cache. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const letter of text) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0).toString(36);
}
