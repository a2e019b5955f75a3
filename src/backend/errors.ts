import { MiniCpmError } from "../base/errors.ts";

/** A backend gave a wrong answer to a product whose answer is known. */
export class SelfTestError extends MiniCpmError {
  constructor(backend: string, found: number | undefined, expected: number) {
    super(
      "E_BACKEND_SELF_TEST",
      `The backend ${backend} computed ${found} where ${expected} is right.`,
      "Its driver or engine is broken on this machine: update it, or choose another backend.",
    );
  }
}
