import { useState } from "preact/hooks";
import { EngineClient } from "../engine/client.ts";
import type { BenchResult } from "../engine/protocol.ts";
import { deviceFacts } from "./device-facts.ts";
import { bytesText, timeText } from "./format.ts";

const engine = new EngineClient();

/** /bench: measures this device with the embedded model and gives the result as JSON. */
export function BenchPage() {
  const [status, setStatus] = useState("");
  const [result, setResult] = useState<BenchResult>();
  const facts = deviceFacts();
  const measure = async (): Promise<void> => {
    try {
      setStatus("Opening the model…");
      await engine.call("load", { kind: "embedded" });
      setResult(await engine.call("bench", undefined, { onEvent: ({ text }) => setStatus(text) }));
      setStatus("Done.");
    } catch (error) {
      setStatus(error instanceof Error ? error.message : String(error));
    }
  };
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(JSON.stringify({ ...facts, ...result }, null, 2));
    setStatus("Copied.");
  };
  return (
    <div class="page bench">
      <header>
        <h1>How fast is this device?</h1>
        <a href="../">Back</a>
      </header>
      <main>
        <dl>
          <Row name="Threads it could use" value={String(facts.cores)} />
          <Row name="Memory shared between threads" value={facts.isIsolated ? "yes" : "no"} />
          <Row name="Relaxed SIMD" value={facts.hasRelaxedSimd ? "yes" : "no"} />
          {result === undefined ? null : <ResultRows result={result} />}
        </dl>
        <div class="row">
          <button type="button" class="primary" onClick={measure}>
            Measure
          </button>
          <button type="button" disabled={result === undefined} onClick={copy}>
            Copy as JSON
          </button>
        </div>
        <p role="status">{status}</p>
      </main>
    </div>
  );
}

function ResultRows({ result }: { readonly result: BenchResult }) {
  return (
    <>
      <Row name="Model" value={result.model} />
      <Row name={`Looking at a picture (${result.views} view)`} value={timeText(result.encodeMs)} />
      <Row name="Reading" value={`${result.promptTokensPerSecond.toFixed(0)} tokens/s`} />
      <Row name="Writing" value={`${result.decodeTokensPerSecond.toFixed(1)} tokens/s`} />
      <Row name="Memory" value={bytesText(result.residentBytes)} />
    </>
  );
}

function Row({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
