import { ServerReplyError } from "../errors.ts";

/** Reads fields of a JSON reply; a wrong shape is the server's fault and says so with the address. */
export class JsonReply {
  readonly url: string;
  readonly value: unknown;

  constructor(url: string, value: unknown) {
    this.url = url;
    this.value = value;
  }

  static parse(url: string, bytes: Uint8Array): JsonReply {
    try {
      return new JsonReply(url, JSON.parse(new TextDecoder().decode(bytes)));
    } catch {
      throw new ServerReplyError(url, "the reply is not JSON; a login page of the network may be in the way");
    }
  }

  /** The field, or a reply around `undefined` where it or its parent is missing. */
  at(...path: string[]): JsonReply {
    let value = this.value;
    for (const key of path) {
      const isObject = typeof value === "object" && value !== null && Object.hasOwn(value, key);
      value = isObject ? Reflect.get(value as object, key) : undefined;
    }
    return new JsonReply(this.url, value);
  }

  string(what: string): string {
    if (typeof this.value !== "string") throw this.#wrong(what, "text");
    return this.value;
  }

  optionalString(): string | undefined {
    return typeof this.value === "string" ? this.value : undefined;
  }

  size(what: string): number {
    if (typeof this.value !== "number" || !Number.isSafeInteger(this.value) || this.value < 0) {
      throw this.#wrong(what, "a size in bytes");
    }
    return this.value;
  }

  items(what: string): JsonReply[] {
    if (!Array.isArray(this.value)) throw this.#wrong(what, "a list");
    return this.value.map((item: unknown) => new JsonReply(this.url, item));
  }

  hex(what: string, digitCount: number): string {
    const text = this.string(what).toLowerCase();
    if (text.length !== digitCount || !/^[0-9a-f]+$/.test(text)) throw this.#wrong(what, `${digitCount} hex digits`);
    return text;
  }

  #wrong(what: string, expected: string): ServerReplyError {
    return new ServerReplyError(this.url, `${what} is ${JSON.stringify(this.value)?.slice(0, 100)}, not ${expected}`);
  }
}
