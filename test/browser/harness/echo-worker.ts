// sends back what it gets, and whether it may share memory
globalThis.addEventListener("message", (event: MessageEvent<number>) => {
  globalThis.postMessage({ echo: event.data, isIsolated: globalThis.crossOriginIsolated });
});
