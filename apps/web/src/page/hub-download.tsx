import { useEffect, useRef, useState } from "preact/hooks";
import { type EngineClient, EngineError } from "../engine/client.ts";
import type { DownloadOffer, PullEvent } from "../engine/protocol.ts";
import { bytesText, timeText } from "./format.ts";

type Step =
  | { readonly kind: "idle"; readonly message: string }
  | { readonly kind: "asking" }
  | { readonly kind: "offer"; readonly offer: DownloadOffer }
  | { readonly kind: "fetching"; readonly progress: Extract<PullEvent, { kind: "progress" }> | undefined }
  | { readonly kind: "paused" };

/** Fetches a repository: what it is and costs first, then progress, pause and resume. */
export function HubDownload({ engine, onDone }: { engine: EngineClient; onDone: () => Promise<void> }) {
  const [repo, setRepo] = useState("");
  const [step, setStep] = useState<Step>({ kind: "idle", message: "" });
  const run = useRef<AbortController | undefined>(undefined);
  const start = async (): Promise<void> => {
    const controller = new AbortController();
    run.current = controller;
    setStep({ kind: "asking" });
    try {
      await engine.call("pull", repo.trim(), {
        signal: controller.signal,
        onEvent: (event) => setStep(event.kind === "offer" ? event : { kind: "fetching", progress: event }),
      });
      setStep({ kind: "idle", message: "It is on this device now." });
      await onDone();
    } catch (error) {
      if (controller.signal.aborted) setStep({ kind: "paused" });
      else setStep({ kind: "idle", message: error instanceof EngineError ? error.message : String(error) });
    }
  };
  const agree = async (): Promise<void> => {
    setStep({ kind: "fetching", progress: undefined });
    await engine.call("agree", undefined);
  };
  const isFree = step.kind === "idle" || step.kind === "paused";
  return (
    <section>
      <h3>From a hub</h3>
      <p>Only this asks another site, for the model's files. Pictures and questions stay here.</p>
      <label>
        Repository
        <input
          type="text"
          value={repo}
          placeholder="openbmb/MiniCPM-V-4_6-gguf"
          onInput={(event) => setRepo(event.currentTarget.value)}
        />
      </label>
      <div class="row">
        {isFree ? (
          <button type="button" disabled={repo.trim() === ""} onClick={start}>
            {step.kind === "paused" ? "Resume" : "Look it up"}
          </button>
        ) : (
          <button type="button" onClick={() => run.current?.abort()}>
            {step.kind === "fetching" ? "Pause" : "Cancel"}
          </button>
        )}
      </div>
      {step.kind === "offer" ? <Offer offer={step.offer} onAgree={agree} /> : null}
      {step.kind === "fetching" ? <Progress progress={step.progress} /> : null}
      <p role="status">{statusText(step)}</p>
    </section>
  );
}

function statusText(step: Step): string {
  if (step.kind === "idle") return step.message;
  if (step.kind === "asking") return "Asking the hub…";
  return step.kind === "paused" ? "Paused. What has come is kept." : "";
}

function Offer({ offer, onAgree }: { offer: DownloadOffer; onAgree: () => Promise<void> }) {
  const { repo, licence, licenceUrl, missingBytes, freeBytes } = offer;
  const isTooLarge = freeBytes !== undefined && missingBytes > freeBytes;
  const room = freeBytes === undefined ? "" : `; this device offers ${bytesText(freeBytes)}`;
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.scrollIntoView({ block: "nearest" }), []); // on a phone it comes below what is seen
  return (
    <div class="offer" ref={box}>
      <p>
        {repo} needs {bytesText(missingBytes)}
        {room}. Licence: {licence ?? "not stated, see its page"}
        {licenceUrl === undefined ? "" : ` (${licenceUrl})`}.
      </p>
      <button type="button" class="primary" disabled={isTooLarge} onClick={onAgree}>
        {isTooLarge ? "It does not fit" : "Agree and fetch"}
      </button>
    </div>
  );
}

function Progress({ progress }: { progress: Extract<PullEvent, { kind: "progress" }> | undefined }) {
  if (progress === undefined) return <progress aria-label="Download" />;
  const { name, receivedBytes, totalBytes, secondsLeft } = progress;
  const left = secondsLeft === undefined ? "" : `, ${timeText(secondsLeft * 1000)} left`;
  const of = totalBytes === undefined ? "" : ` of ${bytesText(totalBytes)}`;
  return (
    <>
      <progress aria-label={`Download of ${name}`} value={receivedBytes} max={totalBytes} />
      <p>
        {name}: {bytesText(receivedBytes)}
        {of}
        {left}
      </p>
    </>
  );
}
