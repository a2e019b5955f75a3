import { EngineClient } from "./engine/client.ts";
import type { AnswerStats, ModelSource } from "./engine/protocol.ts";

const STYLE = `
:host { display: block; font: inherit; }
form { display: grid; gap: 0.5rem; }
img { max-width: 100%; max-height: 20rem; }
img[src=""] { display: none; }
output { display: block; white-space: pre-wrap; overflow-wrap: anywhere; margin-top: 0.5rem; }
small:empty { display: none; }
input, button { font: inherit; min-height: 2.5rem; }
`;

/** An answer of the element, as its `answer` event brings it. */
export interface AnswerDetail {
  readonly text: string;
  readonly stats: AnswerStats;
}

/**
 * `<minicpm-v>`: a picture, a question and the streamed answer, for any page and without a framework. `ask` works from
 * scripts too; the `answer` event brings the finished text. The model is the embedded one unless `source` is set before.
 */
export class MiniCpmV extends HTMLElement {
  /** Which model to open at the first question. */
  source: ModelSource = { kind: "embedded" };
  readonly #output = document.createElement("output");
  readonly #model = document.createElement("small");
  readonly #image = document.createElement("img");
  readonly #question = document.createElement("input");
  readonly #button = document.createElement("button");
  #engine: EngineClient | undefined;
  #opened: Promise<unknown> | undefined;
  #picture: Blob | undefined;
  #running: AbortController | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    // a sheet made by script passes the strictest policy, a style element does not
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    root.append(this.#form(), this.#output, this.#model);
  }

  disconnectedCallback(): void {
    this.#engine?.dispose();
    this.#engine = undefined;
    this.#opened = undefined;
  }

  /** Streams an answer into the element and gives it whole. A second question stops the first. */
  async ask(question: string, picture?: Blob): Promise<string> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.#engine ??= new EngineClient();
    this.#opened ??= this.#engine.call("load", this.source);
    await this.#opened;
    this.#output.value = "";
    this.#model.textContent = "";
    let text = "";
    const pictures = picture === undefined ? [] : [picture];
    const stats = await this.#engine.call("ask", [{ role: "user", text: question, pictures }], {
      signal: running.signal,
      onEvent: (event) => {
        if (event.kind !== "text") return;
        text += event.text;
        this.#output.value = text;
      },
    });
    this.#model.textContent = `Answered by ${stats.model}.`;
    this.dispatchEvent(new CustomEvent<AnswerDetail>("answer", { detail: { text, stats }, bubbles: true }));
    return text;
  }

  #form(): HTMLFormElement {
    const form = document.createElement("form");
    const picker = document.createElement("input");
    picker.type = "file";
    picker.accept = "image/*";
    picker.setAttribute("aria-label", "Picture");
    picker.addEventListener("change", () => this.#show(picker.files?.[0]));
    this.#image.alt = "The picture to ask about";
    this.#image.src = "";
    this.#question.setAttribute("aria-label", "Question");
    this.#question.placeholder = "What does it say?";
    this.#button.textContent = "Ask";
    this.#output.setAttribute("aria-live", "polite");
    form.append(picker, this.#image, this.#question, this.#button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(this.#question.value || this.#question.placeholder, this.#picture).catch((error: unknown) => {
        this.#output.value = error instanceof Error ? error.message : String(error);
      });
    });
    return form;
  }

  #show(picture: Blob | undefined): void {
    URL.revokeObjectURL(this.#image.src);
    this.#picture = picture;
    this.#image.src = picture === undefined ? "" : URL.createObjectURL(picture);
  }
}

customElements.define("minicpm-v", MiniCpmV);
