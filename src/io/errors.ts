import { MiniCpmError } from "../base/errors.ts";

/** Bytes were asked for that the file does not have. */
export class RangeReadError extends MiniCpmError {
  constructor(name: string, offsetBytes: number, lengthBytes: number, sizeBytes: number, options?: ErrorOptions) {
    super(
      "E_RANGE_READ",
      `${name}: bytes ${offsetBytes} to ${offsetBytes + lengthBytes} were asked for, and the file has ${sizeBytes}.`,
      "The file is cut short or damaged: compare its size with the published one and fetch it again.",
      options,
    );
  }
}

/** A file or folder on this machine could not be used. `cause` has the system's own error. */
export class FileError extends MiniCpmError {
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super("E_FILE", message, hint, options);
  }
}

/** No answer, a broken connection or a stall: trying again may help. */
export class NetworkError extends MiniCpmError {
  constructor(url: string, what: string, options?: ErrorOptions) {
    super(
      "E_NETWORK",
      `${withoutSecrets(url)}: ${what}.`,
      "Check the connection and proxy (HTTPS_PROXY), then start again: what has arrived is kept.",
      options,
    );
  }
}

/** The server answered and contradicts itself or what was asked: trying again will not help. */
export class ServerReplyError extends MiniCpmError {
  constructor(
    url: string,
    what: string,
    hint = "The server or a proxy on the way is at fault: try another mirror (HF_ENDPOINT).",
  ) {
    super("E_SERVER_REPLY", `${withoutSecrets(url)}: ${what}.`, hint);
  }
}

/** The server refused with a status. */
export class HttpError extends MiniCpmError {
  readonly status: number;
  /** What the server asked us to wait, if it did. */
  readonly retryAfterMs: number | undefined;

  constructor(url: string, status: number, options: { retryAfterMs?: number; detail?: string; cause?: unknown } = {}) {
    const { message, hint } = explainStatus(status, options.retryAfterMs);
    const detail = options.detail ? ` The server says: ${JSON.stringify(options.detail)}.` : "";
    super("E_HTTP", `${withoutSecrets(url)} answered ${status}: ${message}.${detail}`, hint, { cause: options.cause });
    this.status = status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What arrived is not what was published. Nothing of it is kept. */
export class ChecksumError extends MiniCpmError {
  constructor(name: string, expected: string, actual: string) {
    super(
      "E_CHECKSUM",
      `${name}: sha256 is ${actual}, published is ${expected}.`,
      "The bytes were removed. Fetch the file again; if it repeats, the mirror serves another file: try a different one.",
    );
  }
}

/** The disk or the page's storage quota cannot take the file. */
export class DiskSpaceError extends MiniCpmError {
  constructor(where: string, neededBytes: number, freeBytes: number) {
    super(
      "E_DISK_SPACE",
      `${where}: ${neededBytes} more bytes are needed, ${freeBytes} are free.`,
      "Free some space, choose a smaller quantisation, or move the cache with HF_HUB_CACHE.",
    );
  }
}

/** A request was about to leave the machine while offline mode is on. */
export class OfflineError extends MiniCpmError {
  constructor(what: string) {
    super(
      "E_OFFLINE",
      `${what} is not on this machine, and offline mode forbids fetching it.`,
      "Unset HF_HUB_OFFLINE or leave out --offline, once, to fetch it.",
    );
  }
}

/** The repository has no file, or no single file, that fits the request. */
export class HubError extends MiniCpmError {
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super("E_HUB", message, hint, options);
  }
}

/** Another process holds the lock on this file. */
export class LockedError extends MiniCpmError {
  constructor(path: string, holder: string) {
    super(
      "E_LOCKED",
      `${path} is being fetched by ${holder}.`,
      "Wait until it has finished, or stop that process; a lock left by a dead process is taken over.",
    );
  }
}

interface Explanation {
  readonly message: string;
  readonly hint: string;
}

const EXPLANATIONS: Readonly<Record<number, Explanation>> = {
  401: {
    message: "no valid token was sent, or there is no repository of that name",
    hint: "Check the spelling; for a private or gated model set HF_TOKEN to a token with read access.",
  },
  403: {
    message: "the token may not read this model",
    hint: "Gated models ask you to accept their terms on the model's page first, with the account the token belongs to.",
  },
  404: {
    message: "there is no such repository, revision or file",
    hint: "Check owner, name, revision and file name; private repositories look missing without HF_TOKEN.",
  },
  407: {
    message: "the proxy asks for a user name and password",
    hint: "Put them into HTTPS_PROXY as http://user:password@host:port.",
  },
  416: {
    message: "the part that was asked for lies outside the file",
    hint: "The file on the server is shorter than announced or has changed: start the download anew.",
  },
  429: {
    message: "too many requests from this address",
    hint: "Wait and start again (what has arrived is kept); a token (HF_TOKEN) raises the limit.",
  },
  503: {
    message: "the server is overloaded or in maintenance",
    hint: "Start again later, or set HF_ENDPOINT to a mirror.",
  },
};

function explainStatus(status: number, retryAfterMs: number | undefined): Explanation {
  const known = EXPLANATIONS[status];
  const wait = retryAfterMs === undefined ? "" : `, come back in ${Math.ceil(retryAfterMs / 1000)} s`;
  if (known) return { ...known, message: known.message + wait };
  if (status >= 500)
    return { message: `the server failed${wait}`, hint: "Start again later, or set HF_ENDPOINT to a mirror." };
  return { message: "the request was refused", hint: "Check the address and the token." };
}

/** Signed URLs carry credentials in their query, and a proxy's URL may carry a password: neither belongs into a message. */
export function withoutSecrets(url: string): string {
  return url.replace(/\?.*$/s, "").replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1");
}
