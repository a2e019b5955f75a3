/** A queue between a job that reports and a reader that may be slower. One reader. */
export class EventChannel<T> {
  readonly #events: T[] = [];
  #wake: (() => void) | undefined;
  #end: { readonly error: unknown } | "done" | undefined;

  push(event: T): void {
    this.#events.push(event);
    this.#wake?.();
  }

  finish(): void {
    this.#end ??= "done";
    this.#wake?.();
  }

  /** The reader sees what was pushed before, then this error. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *read(): AsyncGenerator<T, void> {
    for (;;) {
      while (this.#events.length > 0) {
        const [event] = this.#events.splice(0, 1);
        yield event;
      }
      if (this.#end === "done") return;
      if (this.#end !== undefined) throw this.#end.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
