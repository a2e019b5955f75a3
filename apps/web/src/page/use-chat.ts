import { useEffect, useRef, useState } from "preact/hooks";
import { type EngineClient, EngineError } from "../engine/client.ts";
import type { Chat, ChatStore, KeptTurn } from "../store/chat-store.ts";

const TITLE_LENGTH = 40;

/** The conversation that is shown, the ones that are kept, and the answer that is being written. */
export function useChat(engine: EngineClient, store: ChatStore, onProblem: (message: string) => void) {
  const [chats, setChats] = useState<readonly Chat[]>([]);
  const [chat, setChat] = useState<Chat>(newChat);
  const [draft, setDraft] = useState<KeptTurn>();
  const [progress, setProgress] = useState("");
  const running = useRef<AbortController | undefined>(undefined);
  const refresh = async (): Promise<void> => setChats(await store.list().catch(() => []));
  useEffect(() => {
    void refresh(); // without storage there are no kept chats
  }, []);

  const ask = async (text: string, pictures: readonly Blob[]): Promise<void> => {
    const question: KeptTurn = { role: "user", text, pictures };
    const turns = [...chat.turns, question];
    const asked = { ...chat, title: chat.turns.length === 0 ? text.slice(0, TITLE_LENGTH) : chat.title, turns };
    setChat(asked);
    const controller = new AbortController();
    running.current = controller;
    const answer = new DraftAnswer(setDraft);
    try {
      const stats = await engine.call("ask", turns, {
        signal: controller.signal,
        onEvent: (event) => {
          if (event.kind === "progress") setProgress(progressText(event.stage, event.done, event.total));
          else answer.add(event.kind, event.text);
        },
      });
      await keep(asked, { ...answer.turn, stats });
    } catch (error) {
      if (controller.signal.aborted) await keep(asked, { ...answer.turn, isStopped: true });
      else {
        setChat(chat);
        onProblem(error instanceof EngineError ? error.message : String(error));
      }
    } finally {
      answer.end();
      setDraft(undefined);
      setProgress("");
      running.current = undefined;
    }
  };

  const keep = async (asked: Chat, turn: KeptTurn): Promise<void> => {
    const whole = { ...asked, turns: [...asked.turns, turn], changedMs: Date.now() };
    setChat(whole);
    await store
      .put(whole)
      .catch(() => onProblem("This chat could not be kept: the browser's storage is full or closed."));
    await refresh();
  };

  const remove = async (id: string): Promise<void> => {
    await store.remove(id);
    if (id === chat.id) setChat(newChat());
    await refresh();
  };

  const stop = (): void => running.current?.abort();
  const begin = (): void => setChat(newChat());
  return { chats, chat, draft, progress, ask, stop, begin, open: setChat, remove };
}

function newChat(): Chat {
  return { id: crypto.randomUUID(), title: "", changedMs: Date.now(), turns: [] };
}

function progressText(stage: string, done: number, total: number): string {
  if (stage === "views") return `Looking: view ${done} of ${total}`;
  return stage === "prompt" ? `Reading: ${done} of ${total} tokens` : "Loading…";
}

/** Gathers the words of an answer and shows them once a frame: a fast model must not keep the page busy. */
class DraftAnswer {
  #text = "";
  #thinking = "";
  #frame: number | undefined;
  readonly #show: (turn: KeptTurn) => void;

  constructor(show: (turn: KeptTurn) => void) {
    this.#show = show;
    show(this.turn);
  }

  get turn(): KeptTurn {
    const thinking = this.#thinking === "" ? {} : { thinking: this.#thinking };
    return { role: "assistant", text: this.#text, pictures: [], ...thinking };
  }

  add(kind: "text" | "thinking", text: string): void {
    if (kind === "text") this.#text += text;
    else this.#thinking += text;
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#show(this.turn);
    });
  }

  end(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
  }
}
