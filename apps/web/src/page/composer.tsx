import { useEffect, useRef, useState } from "preact/hooks";
import type { EngineClient } from "../engine/client.ts";
import type { PictureViews } from "../engine/protocol.ts";
import { Camera } from "./camera.tsx";
import { PictureView } from "./picture-view.tsx";

interface ComposerProps {
  readonly engine: EngineClient;
  readonly isReady: boolean;
  /** Asked about a picture that comes without a question. */
  readonly defaultQuestion: string;
  readonly isAnswering: boolean;
  readonly onAsk: (text: string, pictures: readonly Blob[]) => void;
  readonly onStop: () => void;
  readonly onProblem: (message: string) => void;
}

interface Chosen {
  readonly picture: Blob;
  readonly views: PictureViews | undefined;
}

/** Pictures and a question: dropped, pasted, picked or photographed, with their cost before anything runs. */
export function Composer({ engine, isReady, defaultQuestion, isAnswering, onAsk, onStop, onProblem }: ComposerProps) {
  const [chosen, setChosen] = useState<readonly Chosen[]>([]);
  const [text, setText] = useState("");
  const [hasCamera, setHasCamera] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const add = async (files: Iterable<Blob>): Promise<void> => {
    for (const picture of files) {
      if (!picture.type.startsWith("image/")) {
        onProblem("That file is not a picture. Choose a JPEG, PNG or WebP file.");
        continue;
      }
      try {
        const views = isReady ? await engine.call("views", picture) : undefined;
        setChosen((before) => [...before, { picture, views }]);
      } catch {
        onProblem("This picture cannot be read here. Save it as JPEG or PNG and try again.");
      }
    }
  };
  useDroppedAndPasted(add);
  const send = (): void => {
    if (!isReady || isAnswering || (text.trim() === "" && chosen.length === 0)) return;
    const pictures = chosen.map(({ picture }) => picture);
    onAsk(text.trim() || defaultQuestion, pictures);
    setText("");
    setChosen([]);
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="chosen">
        {chosen.map(({ picture, views }, i) => (
          <div key={i}>
            <PictureView picture={picture} views={views} label={`Picture ${i + 1} to ask about`} />
            <button type="button" onClick={() => setChosen(chosen.filter((_, other) => other !== i))}>
              Remove picture {i + 1}
            </button>
          </div>
        ))}
      </div>
      <label class="sr" for="question">
        Your question
      </label>
      <textarea
        id="question"
        rows={2}
        value={text}
        placeholder="Ask about a picture. Drop, paste or pick one."
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <input
        ref={picker}
        class="sr"
        type="file"
        accept="image/*"
        multiple
        tabIndex={-1}
        aria-label="Pictures to ask about"
        onChange={async (event) => {
          const { files } = event.currentTarget;
          await add(files ?? []);
          if (picker.current !== null) picker.current.value = "";
        }}
      />
      <div class="row">
        <button type="button" onClick={() => picker.current?.click()}>
          Picture
        </button>
        <button type="button" onClick={() => setHasCamera(true)}>
          Camera
        </button>
        <span class="space" />
        {isAnswering ? (
          <button type="button" class="primary" onClick={onStop}>
            Stop
          </button>
        ) : (
          <button type="submit" class="primary" disabled={!isReady}>
            Ask
          </button>
        )}
      </div>
      {hasCamera ? <Camera onPhoto={(photo) => add([photo])} onClose={() => setHasCamera(false)} /> : null}
    </form>
  );
}

/** Pictures that are dropped anywhere on the page, or pasted. */
function useDroppedAndPasted(add: (files: Iterable<Blob>) => Promise<void>): void {
  const latest = useRef(add);
  latest.current = add;
  useEffect(() => {
    const take = (event: Event, data: DataTransfer | null): void => {
      if (data === null || data.files.length === 0) return;
      event.preventDefault();
      void latest.current([...data.files]); // shows its own problems
    };
    const onDrop = (event: DragEvent): void => take(event, event.dataTransfer);
    const onPaste = (event: ClipboardEvent): void => take(event, event.clipboardData);
    const onDragOver = (event: DragEvent): void => event.preventDefault();
    addEventListener("drop", onDrop);
    addEventListener("paste", onPaste);
    addEventListener("dragover", onDragOver);
    return () => {
      removeEventListener("drop", onDrop);
      removeEventListener("paste", onPaste);
      removeEventListener("dragover", onDragOver);
    };
  }, []);
}
