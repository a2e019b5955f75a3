import { createHash } from "node:crypto";
import { decodeImage } from "../image/decode-image.ts";
import { nodeImageDecoders } from "../image/node/node-image-decoders.ts";
import type { EnginePicture } from "./engine.ts";
import { invalid } from "./errors.ts";
import { readMediaFile, tooManyBytes } from "./media-root.ts";
import { fetchPicture, type RemoteAccess } from "./remote-picture.ts";

/** Where pictures may come from and how large they may be. */
export interface PictureAccess {
  readonly maxBytes: number;
  readonly maxPixels: number;
  /** Folder that `file:` pictures are read from; none are where absent. */
  readonly mediaRoot?: string | undefined;
  /** `https:` pictures are fetched only where this is given. */
  readonly remote?: Omit<RemoteAccess, "maxBytes"> | undefined;
}

/** A picture as a request names it. */
export interface PictureReference {
  readonly url: string;
  readonly detail?: EnginePicture["detail"];
  readonly maxSlices?: number | undefined;
  /** Path of the field, for messages. */
  readonly param: string;
}

// SVG is left out: a text from a stranger that describes what a renderer is to do
const { svg: _svg, ...decoders } = nodeImageDecoders();

/** Loads and decodes a picture within the limits. Throws RequestError and the image errors. */
export async function loadPicture(
  reference: PictureReference,
  access: PictureAccess,
  signal: AbortSignal,
): Promise<EnginePicture> {
  const bytes = await pictureBytes(reference, access, signal);
  const { image } = await decodeImage(bytes, { maxPixels: access.maxPixels, decoders });
  const digest = createHash("sha256").update(bytes).digest("hex");
  return { image, digest, detail: reference.detail, maxSlices: reference.maxSlices };
}

async function pictureBytes(
  { url, param }: PictureReference,
  access: PictureAccess,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { maxBytes, mediaRoot, remote } = access;
  if (/^data:/i.test(url)) return dataBytes(url, { maxBytes, param });
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  switch (parsed?.protocol) {
    case "file:":
      if (mediaRoot === undefined) throw refused(param, "file: pictures", "--media-root FOLDER");
      return readMediaFile(parsed, { folder: mediaRoot, maxBytes }, param);
    case "https:":
      if (remote === undefined) throw refused(param, "Remote pictures", "--remote-pictures");
      return fetchPicture(parsed, { ...remote, maxBytes }, { param, signal });
    default:
      throw invalid(param, "The address is no data:, https: or file: URL.", SEND_DATA, "invalid_image_url");
  }
}

const SEND_DATA = "Send the picture as data:image/png;base64,….";

function refused(param: string, what: string, flag: string): Error {
  const hint = `Send the picture as a data: URL, or start the server with ${flag}.`;
  return invalid(param, `${what} are not enabled on this server.`, hint, "image_source_disabled");
}

function dataBytes(
  url: string,
  { maxBytes, param }: { readonly maxBytes: number; readonly param: string },
): Uint8Array {
  const comma = url.indexOf(",");
  if (comma < 0 || !/;base64$/i.test(url.slice(0, comma))) {
    throw invalid(param, "The data: URL is not base64.", SEND_DATA, "invalid_image_url");
  }
  return base64Bytes(url.slice(comma + 1), { maxBytes, param });
}

/** Bytes of a base64 text. Throws RequestError where it is too long or no base64. */
export function base64Bytes(
  text: string,
  { maxBytes, param }: { readonly maxBytes: number; readonly param: string },
): Uint8Array {
  if (text.length * 0.75 > maxBytes + 3) throw tooManyBytes(param, maxBytes);
  // Buffer.from skips what it does not know, and a cut text would become another picture
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)) {
    throw invalid(param, "The picture's base64 holds other characters.", SEND_DATA, "invalid_image_url");
  }
  return Buffer.from(text, "base64");
}
