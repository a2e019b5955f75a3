import { useEffect, useState } from "preact/hooks";
import { type EngineClient, EngineError } from "../engine/client.ts";
import type { ModelInfo, ModelSource } from "../engine/protocol.ts";

export type ModelState =
  | { readonly kind: "none" }
  | { readonly kind: "loading"; readonly text: string }
  | { readonly kind: "ready"; readonly info: ModelInfo };

/** The model in the engine; the embedded one opens by itself. */
export function useModel(engine: EngineClient, onProblem: (message: string) => void) {
  const [model, setModel] = useState<ModelState>({ kind: "loading", text: "Looking for the model…" });
  const [embeddedBytes, setEmbeddedBytes] = useState(0);
  const open = async (source: ModelSource): Promise<void> => {
    setModel({ kind: "loading", text: "Opening the model…" });
    try {
      const info = await engine.call("load", source, {
        onEvent: ({ part, done, total }) =>
          setModel({ kind: "loading", text: `Loading the ${part}: ${Math.floor((100 * done) / total)} %` }),
      });
      setModel({ kind: "ready", info });
    } catch (error) {
      setModel({ kind: "none" });
      onProblem(error instanceof EngineError ? error.message : String(error));
    }
  };
  useEffect(() => {
    const openEmbedded = async (): Promise<void> => {
      const bytes = await engine.call("embedded", undefined).catch(() => 0);
      setEmbeddedBytes(bytes);
      if (bytes > 0) await open({ kind: "embedded" });
      else setModel({ kind: "none" });
    };
    void openEmbedded(); // shows its own problems
  }, []);
  return { model, embeddedBytes, open };
}
