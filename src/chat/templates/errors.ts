import { MiniCpmError } from "../../base/errors.ts";

/** The messages cannot be put into the model version's prompt form. */
export class ChatTemplateError extends MiniCpmError {
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super("E_CHAT_TEMPLATE", message, hint, options);
  }
}
