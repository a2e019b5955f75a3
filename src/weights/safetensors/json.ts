import { CheckpointFormatError } from "../errors.ts";

/** JSON of a file. Throws CheckpointFormatError when it is not UTF-8 or not JSON. */
export function parseJson(fileName: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CheckpointFormatError(fileName, "the header is not valid JSON", { cause });
  }
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
