import "./base/disposal-symbols.ts";

export { loadOn } from "./chat/load.ts";
export { pictureRule } from "./chat/picture.ts";
export { planPicture } from "./image/prepare-picture.ts";
export { type SlicePlan, viewCount } from "./image/slice-plan.ts";
export { pictureTokens } from "./image/token-cost.ts";
export { webImageDecoders } from "./image/web/web-image-decoders.ts";
export { httpSettings } from "./io/http/settings.ts";
export { huggingFaceHub } from "./io/hub/hugging-face.ts";
export type { DownloadProgress } from "./io/hub/progress.ts";
export { newSha256 } from "./io/hub/sha256.ts";
export { staticHub } from "./io/hub/static-hub.ts";
export { opfsStore } from "./io/web/opfs-store.ts";
export { opfsFolder } from "./io/web/opfs-types.ts";
export {
  listStoredModels,
  pullModelToStorage,
  removeStoredModel,
  type StoredModel,
  type WebStorage,
} from "./io/web/pull-model.ts";
export { inspectGguf } from "./runtime/inspect-gguf.ts";
export type { Platform } from "./runtime/platform.ts";
export { webPlatform } from "./runtime/web/web-platform.ts";
