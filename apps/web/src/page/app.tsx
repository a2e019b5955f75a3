import { useEffect, useRef, useState } from "preact/hooks";
import { EngineClient } from "../engine/client.ts";
import { type Chat, ChatStore } from "../store/chat-store.ts";
import { Composer } from "./composer.tsx";
import { MessageView } from "./message-view.tsx";
import { ModelPanel } from "./model-panel.tsx";
import { useChat } from "./use-chat.ts";
import { type ModelState, useModel } from "./use-model.ts";

const engine = new EngineClient();
const store = new ChatStore();

/** The page. */
export function App() {
  const [problem, setProblem] = useState("");
  const [isChoosing, setIsChoosing] = useState(false);
  const { model, embeddedBytes, open } = useModel(engine, setProblem);
  const { chats, chat, draft, progress, ask, stop, begin, open: openChat, remove } = useChat(engine, store, setProblem);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => end.current?.scrollIntoView({ block: "end" }), [chat.turns.length, draft]);
  const isReader = model.kind === "ready" && model.info.isReader;
  const askSample = async (): Promise<void> => {
    const reply = await fetch("sample.png");
    await ask("What is the total?", [await reply.blob()]);
  };
  const turns = draft === undefined ? chat.turns : [...chat.turns, draft];
  const picture = chat.turns.findLast(({ pictures }) => pictures.length > 0)?.pictures[0];
  return (
    <div class="page">
      <header>
        <h1>minicpmv</h1>
        <button type="button" class="model" onClick={() => setIsChoosing(true)}>
          {modelText(model)}
        </button>
        <ChatMenu chats={chats} onNew={begin} onOpen={openChat} onRemove={remove} />
      </header>
      <main aria-label="Conversation">
        {turns.length === 0 ? <Welcome model={model} onSample={askSample} /> : null}
        {turns.map((turn, i) => (
          <MessageView
            key={i}
            turn={turn}
            picture={picture}
            isStreaming={draft !== undefined && i === turns.length - 1}
          />
        ))}
        <p class="progress" role="status">
          {progress}
        </p>
        <div ref={end} />
      </main>
      {problem === "" ? null : (
        <div class="problem" role="alert">
          <p>{problem}</p>
          <button type="button" onClick={() => setProblem("")}>
            Dismiss
          </button>
        </div>
      )}
      <Composer
        engine={engine}
        isReady={model.kind === "ready"}
        defaultQuestion={isReader ? "Read this." : "What does this picture show?"}
        isAnswering={draft !== undefined}
        onAsk={ask}
        onStop={stop}
        onProblem={setProblem}
      />
      {isChoosing ? (
        <ModelPanel
          engine={engine}
          embeddedBytes={embeddedBytes}
          onChoose={open}
          onClose={() => setIsChoosing(false)}
        />
      ) : null}
    </div>
  );
}

function modelText(model: ModelState): string {
  switch (model.kind) {
    case "none":
      return "Choose a model";
    case "loading":
      return model.text;
    case "ready":
      return `${model.info.title}, ${model.info.threadCount === 1 ? "1 thread" : `${model.info.threadCount} threads`}`;
  }
}

function Welcome({ model, onSample }: { readonly model: ModelState; readonly onSample: () => void }) {
  return (
    <section class="welcome">
      <p>Ask about a picture. It is read on this device and never leaves it.</p>
      {model.kind === "none" ? <p>There is no model here yet: choose one at the top.</p> : null}
      {model.kind === "ready" && model.info.isReader ? (
        <>
          <p>
            This page came with pocket, a small model that reads printed text: receipts, labels, forms, lines. It is not
            MiniCPM-V; for anything else choose a MiniCPM-V model at the top.
          </p>
          <button type="button" onClick={onSample}>
            Ask for the total of a sample receipt
          </button>
        </>
      ) : null}
    </section>
  );
}

interface ChatMenuProps {
  readonly chats: readonly Chat[];
  readonly onNew: () => void;
  readonly onOpen: (chat: Chat) => void;
  readonly onRemove: (id: string) => Promise<void>;
}

function ChatMenu({ chats, onNew, onOpen, onRemove }: ChatMenuProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  const close = (): void => menu.current?.removeAttribute("open");
  return (
    <details ref={menu} class="menu">
      <summary>Chats</summary>
      <div>
        <button
          type="button"
          onClick={() => {
            onNew();
            close();
          }}
        >
          New chat
        </button>
        <ul>
          {chats.map((chat) => (
            <li key={chat.id} class="row">
              <button
                type="button"
                class="name"
                onClick={() => {
                  onOpen(chat);
                  close();
                }}
              >
                {chat.title}
              </button>
              <button type="button" aria-label={`Delete the chat ${chat.title}`} onClick={() => onRemove(chat.id)}>
                Delete
              </button>
            </li>
          ))}
        </ul>
        <a href="bench/">How fast is this device?</a>
      </div>
    </details>
  );
}
