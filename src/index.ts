export { BACKEND_NAMES, type BackendName } from "./backend/registry.ts";
export { MiniCpmError } from "./base/errors.ts";
export type { Answer, AnswerToken, ChatEvent, Timings, Usage } from "./chat/answer.ts";
export type { ChatOptions } from "./chat/chat-options.ts";
export { type LoadOptions, load, type ModelReference } from "./chat/load.ts";
export type { ContentPart, ImagePart, ImageSource, Message, PictureControl } from "./chat/message.ts";
export type { Model, TokenCount } from "./chat/model.ts";
export type { RgbImage } from "./image/rgb-image.ts";
export type { RuntimeStats } from "./runtime/model-runtime.ts";
