export { loadOn } from "./chat/load.ts";
export { webImageDecoders } from "./image/web/web-image-decoders.ts";
export type { Platform } from "./runtime/platform.ts";
export { webPlatform } from "./runtime/web/web-platform.ts";
