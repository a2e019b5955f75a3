import { MiniCpmError } from "../base/errors.ts";
import { type ErrorType, RequestError, type RequestErrorDetails } from "./errors.ts";

/** Body of every error answer. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: ErrorType;
    readonly code: string;
    readonly param: string | null;
  };
}

export interface ErrorReply {
  readonly status: number;
  readonly body: ErrorBody;
  readonly headers: Readonly<Record<string, string>>;
  /** Not the caller's fault and not explained to him: to be logged. */
  readonly isInternal: boolean;
}

const BAD_REQUEST = { status: 400, type: "invalid_request_error" } as const;

/** What the library's own errors mean to a client. Codes that are not listed are internal. */
const KNOWN: Readonly<Record<string, RequestErrorDetails>> = {
  E_CONTEXT_LENGTH: { ...BAD_REQUEST, code: "context_length_exceeded", param: "messages" },
  E_CACHE_FULL: { status: 503, type: "service_unavailable", code: "cache_full", retryAfterSeconds: 2 },
  E_IMAGE_FORMAT: { ...BAD_REQUEST, code: "invalid_image_format" },
  E_IMAGE_CORRUPT: { ...BAD_REQUEST, code: "invalid_image" },
  E_IMAGE_TRUNCATED: { ...BAD_REQUEST, code: "image_truncated" },
  E_IMAGE_TOO_LARGE: { ...BAD_REQUEST, code: "image_too_large" },
  E_SCHEMA_FORMAT: { ...BAD_REQUEST, code: "invalid_json_schema", param: "response_format" },
  E_SCHEMA_UNSUPPORTED: { ...BAD_REQUEST, code: "unsupported_json_schema", param: "response_format" },
  E_SCHEMA_UNSATISFIABLE: { ...BAD_REQUEST, code: "unsatisfiable_json_schema", param: "response_format" },
  E_CHAT_TEMPLATE: { ...BAD_REQUEST, code: "invalid_messages", param: "messages" },
  E_ARGUMENT: { ...BAD_REQUEST, code: "invalid_value" },
  E_UNSUPPORTED: { ...BAD_REQUEST, code: "unsupported" },
  E_ABORTED: { status: 499, type: "invalid_request_error", code: "request_cancelled" },
};

/** The answer to a failure. What is not known tells the client nothing of the machine: no message, path or stack. */
export function errorReply(error: unknown): ErrorReply {
  const details = error instanceof RequestError ? error.details : detailsOf(error);
  if (details === undefined || !(error instanceof MiniCpmError)) return INTERNAL;
  const { status, type, code, param, retryAfterSeconds } = details;
  return {
    status,
    body: { error: { message: error.message, type, code, param: param ?? null } },
    headers: retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) },
    isInternal: false,
  };
}

const INTERNAL: ErrorReply = {
  status: 500,
  body: {
    error: {
      message: "The server failed to answer this request. Its log says why; try again or report it to its operator.",
      type: "server_error",
      code: "internal_error",
      param: null,
    },
  },
  headers: {},
  isInternal: true,
};

function detailsOf(error: unknown): RequestErrorDetails | undefined {
  return error instanceof MiniCpmError && Object.hasOwn(KNOWN, error.code) ? KNOWN[error.code] : undefined;
}
