/** Keeps the page for use without a network, and reloads it once where the kept copy brings threads with it. */
export async function keepOffline(scriptUrl: URL): Promise<void> {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  await navigator.serviceWorker.register(scriptUrl, { type: "module" });
  await navigator.serviceWorker.ready;
  const MARK = "minicpmv-reloaded";
  if (globalThis.crossOriginIsolated || sessionStorage.getItem(MARK) !== null) return;
  sessionStorage.setItem(MARK, "1"); // once only: a browser that cannot isolate pages would reload for ever
  if (navigator.serviceWorker.controller === null) {
    await new Promise((resolve) => {
      navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    });
  }
  location.reload();
}
