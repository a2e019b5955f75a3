import { EMITTERS } from "../src/backend/onnx/emit/table.ts";
import { lowerOnHost } from "../src/backend/wasm/lowering/host.ts";
import { LOWERINGS } from "../src/backend/wasm/lowering/table.ts";
import type { OpDefinition } from "../src/tensor/definition.ts";
import { DEFINITIONS, type OpName } from "../src/tensor/definitions.ts";

const HEADER = `# Operations

What the recorder writes into a graph, from \`src/tensor/definitions.ts\`. Model text calls the verbs of \`Ops\`, which record these. This page is written by
\`npm run docs\`. *Gradient*: the op has one, written in ops itself, or why not. *wasm*: a generated kernel, or the float64 reference run on the
host (correct, slow; rare ops). *onnx*: whether the op has an ONNX form, which training runs on, or why not. "state" ops update a cache or a recurrent state that outlives the replay.

| op | equation | effect | gradient | wasm | onnx |
| --- | --- | --- | --- | --- | --- |
`;

/** The page of all ops in the order of their table. */
export function opsPage(): string {
  return (
    HEADER +
    Object.entries(DEFINITIONS)
      .map(([name, definition]) => `${row(name as OpName, definition)}\n`)
      .join("")
  );
}

function row(name: OpName, { equation, effect, vjp }: OpDefinition): string {
  const gradient = typeof vjp === "function" ? "yes" : `no: ${vjp.nondifferentiable}`;
  const wasm = LOWERINGS[name] === lowerOnHost ? "host" : "kernel";
  const emitter = EMITTERS[name];
  const onnx = typeof emitter === "function" ? "yes" : `no: ${emitter.unsupported}`;
  const cells = [`\`${name}\``, equation, effect, gradient, wasm, onnx];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
