export { loadOn } from "./chat/load.ts";
export { nodeImageDecoders } from "./image/node/node-image-decoders.ts";
export { assertNoNetwork } from "./io/node/no-network.ts";
export { nodePlatform } from "./runtime/node/node-platform.ts";
export type { Platform } from "./runtime/platform.ts";
