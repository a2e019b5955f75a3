import type { RgbImage } from "../image/rgb-image.ts";
import type { ChatMessage, ToolCall } from "./templates/messages.ts";

/** The content of a picture file, a Blob or File, an address, or decoded pixels. */
export type ImageSource = Uint8Array | ArrayBuffer | Blob | URL | RgbImage;

/** How one picture is cut. */
export interface PictureControl {
  /** Most slices beside the overview; the version's own number by default. */
  readonly maxSlices?: number | undefined;
  /** low: the overview alone; auto: as released; high: as many slices as the version was trained for. */
  readonly detail?: "low" | "auto" | "high" | undefined;
  /** Patches to a token, in versions that let one choose (4.6): 16x, or 4x for four times the tokens. */
  readonly downsample?: "16x" | "4x" | undefined;
  /** Turn the picture upright by its EXIF orientation; default true. The released processors do not. */
  readonly applyOrientation?: boolean | undefined;
}

/** A picture with its own settings. In Node a string is the path of a file or its address; in a page an address. */
export interface ImagePart extends PictureControl {
  readonly image: ImageSource | string;
}

export interface TextPart {
  readonly text: string;
}

/** A piece of a message: a plain string is text. */
export type ContentPart = string | TextPart | ImageSource | ImagePart;

/** One turn of a conversation as callers write it. */
export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | readonly ContentPart[];
  /** What the assistant thought before it answered. */
  readonly reasoning?: string | undefined;
  readonly toolCalls?: readonly ToolCall[] | undefined;
}

/** A conversation taken apart: text for the template, pictures in reading order. */
export interface SplitConversation {
  readonly messages: readonly ChatMessage[];
  readonly pictures: readonly ImagePart[];
}

/** Separates pictures from text; their places stay marked. */
export function splitConversation(messages: readonly Message[]): SplitConversation {
  const pictures: ImagePart[] = [];
  const split = messages.map((message): ChatMessage => {
    const { content, ...rest } = message;
    if (typeof content === "string") return { ...rest, content };
    return {
      ...rest,
      content: content.map((part) => {
        if (typeof part === "string") return { type: "text", text: part };
        if ("text" in part && typeof part.text === "string") return { type: "text", text: part.text };
        pictures.push(isImagePart(part) ? part : { image: part as ImageSource });
        return { type: "image" };
      }),
    };
  });
  return { messages: split, pictures };
}

function isImagePart(part: ContentPart): part is ImagePart {
  return typeof part === "object" && "image" in part;
}
