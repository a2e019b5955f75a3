import { DisposedError } from "../base/errors.ts";

/** Owns resources and gives them back in reverse order: weights, states, executables. `using scope = new Scope("model")`. */
export class Scope implements Disposable {
  readonly #what: string;
  readonly #owned: Disposable[] = [];
  #isDisposed = false;

  constructor(what: string) {
    this.#what = what;
  }

  /** Hands a resource to the scope and returns it. Throws DisposedError when the scope is closed. */
  own<T extends Disposable>(resource: T): T {
    if (this.#isDisposed) throw new DisposedError(this.#what, "used");
    this.#owned.push(resource);
    return resource;
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) throw new DisposedError(this.#what, "disposed again");
    this.#isDisposed = true;
    for (const resource of this.#owned.splice(0).reverse()) resource[Symbol.dispose]();
  }
}
