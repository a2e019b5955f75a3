import { MiniCpmError } from "../base/errors.ts";

/** The bytes are no picture, or a picture of a kind that nothing here can decode. */
export class ImageFormatError extends MiniCpmError {
  /** Name of the recognised format, or undefined where no magic bytes matched. */
  readonly format: string | undefined;

  constructor(format: string | undefined, message: string, hint: string, options?: ErrorOptions) {
    super("E_IMAGE_FORMAT", message, hint, options);
    this.format = format;
  }
}

/** The picture's format is known, its content breaks that format's rules. */
export class ImageCorruptError extends MiniCpmError {
  constructor(message: string, options?: ErrorOptions) {
    super(
      "E_IMAGE_CORRUPT",
      message,
      "Open the picture in another program and save it again, or fetch it again.",
      options,
    );
  }
}

/** The file ends before its picture does. */
export class ImageTruncatedError extends MiniCpmError {
  constructor(message: string, options?: ErrorOptions) {
    super(
      "E_IMAGE_TRUNCATED",
      message,
      "The file was probably cut off while being copied or downloaded: fetch it again.",
      options,
    );
  }
}

/** The picture claims more pixels than the caller allows; nothing was allocated for them. */
export class ImageTooLargeError extends MiniCpmError {
  constructor(width: number, height: number, maxPixels: number) {
    super(
      "E_IMAGE_TOO_LARGE",
      `The picture is ${width}×${height} = ${width * height} pixels, more than the limit of ${maxPixels}.`,
      "Scale the picture down first, or raise maxPixels.",
    );
  }
}
