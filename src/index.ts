import "./base/disposal-symbols.ts";

export { BACKEND_NAMES, type BackendName } from "./backend/registry.ts";
export { MiniCpmError } from "./base/errors.ts";
export type { Answer, AnswerToken, ChatEvent, ProgressStage, Timings, Usage } from "./chat/answer.ts";
export type { ChatOptions } from "./chat/chat-options.ts";
export type { ExtractedField, Extraction, ExtractOptions, TypedSchema } from "./chat/extract.ts";
export { type FilePlace, type NamedPlace, namedPlaces, placesInFile } from "./chat/grounding.ts";
export { type LoadOptions, load, type ModelReference } from "./chat/load.ts";
export type { ContentPart, ImagePart, ImageSource, Message, PictureControl } from "./chat/message.ts";
export type { Model, TokenCount } from "./chat/model.ts";
export type { Reading } from "./chat/readings.ts";
export type { RgbImage } from "./image/rgb-image.ts";
export type { RuntimeStats } from "./runtime/model-runtime.ts";
