import { MiniCpmError } from "../base/errors.ts";

/** Kinds of failure as OpenAI's API names them. */
export type ErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "permission_error"
  | "not_found_error"
  | "rate_limit_error"
  | "server_error"
  | "service_unavailable";

export interface RequestErrorDetails {
  readonly status: number;
  readonly type: ErrorType;
  readonly code: string;
  /** Path of the field that is wrong. */
  readonly param?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** A request that the server answers with an error of OpenAI's shape. */
export class RequestError extends MiniCpmError {
  readonly details: RequestErrorDetails;

  constructor(details: RequestErrorDetails, message: string, hint: string, options?: ErrorOptions) {
    super("E_REQUEST", message, hint, options);
    this.details = details;
  }
}

/** The server cannot start as it was told to. */
export class ServerStartError extends MiniCpmError {
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super("E_SERVER_START", message, hint, options);
  }
}

/** A field that is missing or holds what it must not: status 400. */
export function invalid(
  param: string | undefined,
  message: string,
  hint: string,
  code = "invalid_value",
): RequestError {
  return new RequestError({ status: 400, type: "invalid_request_error", code, param }, message, hint);
}
