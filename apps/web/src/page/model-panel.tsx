import { useEffect, useRef, useState } from "preact/hooks";
import type { EngineClient } from "../engine/client.ts";
import type { ModelSource, StoredEntry } from "../engine/protocol.ts";
import { bytesText } from "./format.ts";
import { HubDownload } from "./hub-download.tsx";

interface ModelPanelProps {
  readonly engine: EngineClient;
  readonly embeddedBytes: number;
  readonly onChoose: (source: ModelSource) => void;
  readonly onClose: () => void;
}

/** Choice of a model: the one that came with the page, two local files, or a repository of the hub. */
export function ModelPanel({ engine, embeddedBytes, onChoose, onClose }: ModelPanelProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [stored, setStored] = useState<readonly StoredEntry[]>([]);
  const refresh = async (): Promise<void> => setStored(await engine.call("stored", undefined).catch(() => []));
  useEffect(() => {
    dialog.current?.showModal();
    void refresh(); // without storage the list stays empty
  }, []);
  const choose = (source: ModelSource): void => {
    onChoose(source);
    onClose();
  };
  return (
    <dialog ref={dialog} aria-labelledby="models-title" onClose={onClose}>
      <h2 id="models-title">Model</h2>
      <section>
        <h3>Came with this page</h3>
        {embeddedBytes === 0 ? (
          <p>This page came without a model. Choose your own below.</p>
        ) : (
          <button type="button" onClick={() => choose({ kind: "embedded" })}>
            Use it ({bytesText(embeddedBytes)}, works offline)
          </button>
        )}
      </section>
      <LocalPair onChoose={choose} />
      <section>
        <h3>On this device</h3>
        {stored.length === 0 ? <p>None fetched yet.</p> : null}
        <ul>
          {stored.map((entry) => (
            <StoredRow key={entry.repo} engine={engine} entry={entry} onUse={choose} onGone={refresh} />
          ))}
        </ul>
      </section>
      <HubDownload engine={engine} onDone={refresh} />
      <div class="row">
        <span class="space" />
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </dialog>
  );
}

function LocalPair({ onChoose }: { onChoose: (source: ModelSource) => void }) {
  const [language, setLanguage] = useState<File>();
  const [vision, setVision] = useState<File>();
  return (
    <section>
      <h3>Files of your own</h3>
      <label>
        Language model (.gguf)
        <input type="file" accept=".gguf" onChange={(event) => setLanguage(event.currentTarget.files?.[0])} />
      </label>
      <label>
        Vision tower (mmproj .gguf)
        <input type="file" accept=".gguf" onChange={(event) => setVision(event.currentTarget.files?.[0])} />
      </label>
      <button
        type="button"
        disabled={language === undefined || vision === undefined}
        onClick={() => {
          if (language !== undefined && vision !== undefined) onChoose({ kind: "files", language, vision });
        }}
      >
        Use these files
      </button>
    </section>
  );
}

interface StoredRowProps {
  readonly engine: EngineClient;
  readonly entry: StoredEntry;
  readonly onUse: (source: ModelSource) => void;
  readonly onGone: () => Promise<void>;
}

function StoredRow({ engine, entry, onUse, onGone }: StoredRowProps) {
  const [status, setStatus] = useState("");
  const { repo, licence, sizeBytes } = entry;
  const verify = async (): Promise<void> => {
    const isWhole = await engine.call("verify", repo, {
      onEvent: ({ doneBytes, totalBytes }) => setStatus(`Checked ${Math.floor((100 * doneBytes) / totalBytes)} %`),
    });
    setStatus(isWhole ? "Every byte is right." : "It is damaged: remove it and fetch it again.");
  };
  const remove = async (): Promise<void> => {
    await engine.call("remove", repo);
    await onGone();
  };
  const guarded = (job: () => Promise<void>) => () =>
    job().catch((error: unknown) => setStatus(error instanceof Error ? error.message : String(error)));
  return (
    <li>
      <b>{repo}</b> {bytesText(sizeBytes)}
      {licence === undefined ? "" : `, ${licence}`}
      <div class="row">
        <button type="button" onClick={() => onUse({ kind: "stored", repo })} aria-label={`Use ${repo}`}>
          Use
        </button>
        <button type="button" onClick={guarded(verify)} aria-label={`Check ${repo}`}>
          Check
        </button>
        <button type="button" onClick={guarded(remove)} aria-label={`Remove ${repo}`}>
          Remove
        </button>
        <span role="status">{status}</span>
      </div>
    </li>
  );
}
