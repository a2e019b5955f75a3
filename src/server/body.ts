import type { Context } from "hono";
import { invalid, RequestError } from "./errors.ts";

/** Reads a JSON body up to `maxBytes`, without gathering more than that. Throws RequestError. */
export async function readJsonBody(c: Context, maxBytes: number): Promise<unknown> {
  const declared = Number(c.req.header("content-length") ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const chunks: Uint8Array[] = [];
  let received = 0;
  const reader = c.req.raw.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) break;
    received += value.length;
    if (received > maxBytes) {
      await reader?.cancel();
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
  return parseJson(Buffer.concat(chunks));
}

function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) throw invalid(undefined, "The body is empty.", "Send a JSON object.", "invalid_json");
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    // the parser's own words would repeat the body
    throw invalid(undefined, "The body is not JSON.", "Check quotes, commas and escapes.", "invalid_json");
  }
}

function tooLarge(maxBytes: number): RequestError {
  return new RequestError(
    { status: 413, type: "invalid_request_error", code: "body_too_large" },
    `The body is larger than ${maxBytes} bytes.`,
    "Send fewer or smaller pictures.",
  );
}
