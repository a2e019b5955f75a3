export type { ChatEngine } from "./server/engine.ts";
export { RequestError, ServerStartError } from "./server/errors.ts";
export { type LoadEngineOptions, type LoadedEngine, loadEngine } from "./server/load-engine.ts";
export { modelEngine } from "./server/model-engine.ts";
export { type RunningServer, type ServeOptions, serve } from "./server/serve.ts";
export { DEFAULT_SETTINGS, type ServerSettings } from "./server/settings.ts";
