import { useMemo, useState } from "preact/hooks";
import type { KeptTurn } from "../store/chat-store.ts";
import { timeText } from "./format.ts";
import { safeHtml } from "./markdown.ts";
import { PictureView } from "./picture-view.tsx";
import { jsonIn, type Place, placesOf } from "./places.ts";

interface MessageViewProps {
  readonly turn: KeptTurn;
  /** The picture that the answer speaks of: places are shown on it. */
  readonly picture: Blob | undefined;
  readonly isStreaming: boolean;
}

/** One turn: a question with its pictures, or an answer with what can be done with it. */
export function MessageView({ turn, picture, isStreaming }: MessageViewProps) {
  const { role, text, pictures } = turn;
  if (role === "user") {
    return (
      <article class="turn user" aria-label="You">
        {pictures.map((one, i) => (
          <PictureView key={i} picture={one} label={`Picture ${i + 1} of your question`} />
        ))}
        <p>{text}</p>
      </article>
    );
  }
  return <AnswerView turn={turn} picture={picture} isStreaming={isStreaming} />;
}

function AnswerView({ turn, picture, isStreaming }: MessageViewProps) {
  const [shown, setShown] = useState<Place>();
  const { text, places } = useMemo(() => placesOf(turn.text), [turn.text]);
  const html = useMemo(() => safeHtml(text), [text]);
  const json = useMemo(() => (isStreaming ? undefined : jsonIn(text)), [text, isStreaming]);
  return (
    <article class="turn assistant" aria-label="Answer" aria-busy={isStreaming}>
      {turn.thinking === undefined ? null : (
        <details>
          <summary>What it thought</summary>
          <p>{turn.thinking}</p>
        </details>
      )}
      {/* sanitised by safeHtml, which leaves neither scripts nor addresses */}
      <div class="markdown" dangerouslySetInnerHTML={{ __html: html }} />
      {places.length > 0 && picture !== undefined ? (
        <fieldset class="places" aria-label="Where it was read">
          {places.map((place, i) => (
            <button key={i} type="button" aria-pressed={place === shown} onClick={() => setShown(place)}>
              {place.label}
              {confidenceText(turn, i)}
            </button>
          ))}
          {shown === undefined ? null : (
            <PictureView picture={picture} label={`The picture with the place of ${shown.label}`} place={shown} />
          )}
        </fieldset>
      ) : null}
      {isStreaming ? null : <AnswerFooter turn={turn} text={text} json={json} />}
    </article>
  );
}

/** " · 93 %" behind a value that the built-in reader read. */
function confidenceText({ stats }: KeptTurn, index: number): string {
  const value = stats?.values?.[index];
  return value === undefined ? "" : ` · ${Math.round(100 * value.confidence)} %`;
}

function AnswerFooter({ turn, text, json }: { turn: KeptTurn; text: string; json: string | undefined }) {
  const [copied, setCopied] = useState("");
  const copy = async (what: string, value: string): Promise<void> => {
    await navigator.clipboard.writeText(value);
    setCopied(`${what} copied.`);
  };
  const { stats } = turn;
  return (
    <footer>
      <button type="button" onClick={() => copy("Text", text)}>
        Copy text
      </button>
      <button type="button" onClick={() => copy("JSON", json ?? JSON.stringify({ answer: text, ...stats }, null, 2))}>
        Copy JSON
      </button>
      <span role="status">{copied}</span>
      <small>
        {turn.isStopped === true ? "Stopped. " : ""}
        {stats === undefined
          ? ""
          : `${stats.model === undefined ? "" : `Answered by ${stats.model}. `}First word ${timeText(stats.firstTokenMs)}, pictures ${timeText(stats.encodeMs)}, ${stats.wordsPerSecond.toFixed(1)} words/s`}
      </small>
    </footer>
  );
}
