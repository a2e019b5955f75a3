import { EMITTERS } from "../src/backend/onnx/emit/table.ts";
import { lowerOnHost } from "../src/backend/wasm/lowering/host.ts";
import { LOWERINGS } from "../src/backend/wasm/lowering/table.ts";
import { layoutFor } from "../src/backend/wasm/weight-layout.ts";
import type { Precision } from "../src/tensor/backend.ts";
import type { OpDefinition } from "../src/tensor/definition.ts";
import { DEFINITIONS, type OpName } from "../src/tensor/definitions.ts";
import type { StorageType } from "../src/tensor/dtype.ts";
import { INTEGER_LIMITS, linearFloatLimit, STORAGE_TYPES } from "../src/tensor/testing/op-cases/linear-cases.ts";
import { OP_CASES } from "../src/tensor/testing/op-cases.ts";

const HEADER = `# Operations

What the recorder writes into a graph, from \`src/tensor/definitions.ts\`. Model text calls the verbs of \`Ops\`, which record these. This page is written by
\`npm run docs\`. *Gradient*: the op has one, written in ops itself, or why not. *wasm*: a generated kernel, or the float64 reference run on the
host (correct, slow; rare ops). *onnx*: whether the op has an ONNX form, which training runs on, or why not. "state" ops update a cache or a recurrent state that outlives the replay.
*Cases*: how many graphs hold this op against the oracle (\`src/tensor/testing/op-cases\`), and the largest NMSE any of them allows on the float / the integer path; every kernel
variant runs them, on one thread and two, in Node and in a browser.

| op | equation | effect | gradient | wasm | onnx | cases |
| --- | --- | --- | --- | --- | --- | --- |
`;

const FORMATS_HEADER = `
## Formats of weights

How a weight is kept (\`docs/adr/0003-seams.md\`) and the NMSE that its \`linear\` cases allow. llama.cpp's own bound for matrix products is 5e-4 for every format.

| stored as | float path | integer path | bound, float | bound, integer |
| --- | --- | --- | --- | --- |
`;

/** The page of all ops in the order of their table. */
export function opsPage(): string {
  return (
    HEADER +
    Object.entries(DEFINITIONS)
      .map(([name, definition]) => `${row(name as OpName, definition)}\n`)
      .join("") +
    FORMATS_HEADER +
    STORAGE_TYPES.map((type) => `${formatRow(type)}\n`).join("")
  );
}

function formatRow(type: StorageType): string {
  const form = (precision: Precision): string => {
    const layout = layoutFor("linear", type, { uses: ["linear"], precision });
    return layout.kind === "rows" ? layout.element : layout.format;
  };
  const bounds = [linearFloatLimit(type), INTEGER_LIMITS[type]].map((bound) => bound.toExponential(0));
  return `| ${[type, form("float"), form("integer"), ...bounds].join(" | ")} |`;
}

/** The loosest bound of an op's cases on one path. */
function limitOf(name: OpName, precision: Precision): string {
  const limits = OP_CASES[name].flatMap(({ limits: own }) => own[precision] ?? []);
  return limits.length === 0 ? "—" : Math.max(...limits).toExponential(0);
}

function row(name: OpName, { equation, effect, vjp }: OpDefinition): string {
  const gradient = typeof vjp === "function" ? "yes" : `no: ${vjp.nondifferentiable}`;
  const wasm = LOWERINGS[name] === lowerOnHost ? "host" : "kernel";
  const emitter = EMITTERS[name];
  const onnx = typeof emitter === "function" ? "yes" : `no: ${emitter.unsupported}`;
  const cases = `${OP_CASES[name].length}: ${limitOf(name, "float")} / ${limitOf(name, "integer")}`;
  const cells = [`\`${name}\``, equation, effect, gradient, wasm, onnx, cases];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
