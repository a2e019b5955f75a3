// One matrix product in onnxruntime: float32 MatMul, or MatMulNBits with int8 activations (accuracy level 4).
import { randomFillSync } from "node:crypto";
import ort from "onnxruntime-node";
import { MessageWriter } from "../../src/backend/onnx/protobuf.ts";
import { seededRandom } from "../../src/base/random.ts";

/** A product of [rows, into] with a constant [into, out]. */
export interface MatmulShape {
  readonly rows: number;
  readonly into: number;
  readonly out: number;
}

export type MatmulKind =
  | { readonly kind: "f32" }
  | { readonly kind: "bits"; readonly bits: 4 | 8; readonly block: number };

// numbers of onnx.proto
const FLOAT = 1;
const UINT8 = 2;
const [IR_VERSION, OPSET, MICROSOFT_OPSET] = [9, 20, 1];
const INT_ATTRIBUTE = 2;
const INT8_ACTIVATIONS = 4;

/** Makes a session and gives the function that runs it once. */
export async function onnxMatmul(kind: MatmulKind, shape: MatmulShape, threads: number): Promise<() => Promise<void>> {
  const session = await ort.InferenceSession.create(modelOf(kind, shape), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const x = new ort.Tensor("float32", new Float32Array(shape.rows * shape.into).fill(0.5), [shape.rows, shape.into]);
  return async () => {
    await session.run({ x });
  };
}

function modelOf(kind: MatmulKind, { rows, into, out }: MatmulShape): Uint8Array {
  const w = new MessageWriter();
  w.integer(1, IR_VERSION);
  w.message(7, (graph) => {
    if (kind.kind === "f32") writeFloatProduct(graph, into, out);
    else writeBitsProduct(graph, kind, { into, out });
    graph.string(2, "product");
    graph.message(11, (port) => writePort(port, "x", [rows, into]));
    graph.message(12, (port) => writePort(port, "y", [rows, out]));
  });
  w.message(8, (opset) => opset.string(1, "").integer(2, OPSET));
  w.message(8, (opset) => opset.string(1, "com.microsoft").integer(2, MICROSOFT_OPSET));
  return w.finish();
}

function writeFloatProduct(graph: MessageWriter, into: number, out: number): void {
  graph.message(1, (node) => node.string(1, "x").string(1, "w").string(2, "y").string(4, "MatMul"));
  const random = seededRandom(into);
  const values = Float32Array.from({ length: into * out }, () => random.next() - 0.5);
  writeTensor(graph, { name: "w", type: FLOAT, shape: [into, out], bytes: new Uint8Array(values.buffer) });
}

function writeBitsProduct(
  graph: MessageWriter,
  { bits, block }: { readonly bits: number; readonly block: number },
  { into, out }: { readonly into: number; readonly out: number },
): void {
  const attributes = { K: into, N: out, bits, block_size: block, accuracy_level: INT8_ACTIVATIONS };
  graph.message(1, (node) => {
    for (const input of ["x", "w", "scales"]) node.string(1, input);
    node.string(2, "y").string(4, "MatMulNBits").string(7, "com.microsoft");
    for (const [name, value] of Object.entries(attributes)) {
      node.message(5, (a) => a.string(1, name).integer(3, value).integer(20, INT_ATTRIBUTE));
    }
  });
  const blocks = into / block;
  const bytes = randomFillSync(new Uint8Array((out * into * bits) / 8));
  writeTensor(graph, { name: "w", type: UINT8, shape: [out, blocks, (block * bits) / 8], bytes });
  const scales = new Uint8Array(new Float32Array(out * blocks).fill(0.01).buffer);
  writeTensor(graph, { name: "scales", type: FLOAT, shape: [out * blocks], bytes: scales });
}

interface Initializer {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

function writeTensor(graph: MessageWriter, { name, type, shape, bytes }: Initializer): void {
  graph.message(5, (tensor) => {
    for (const n of shape) tensor.integer(1, n);
    tensor.integer(2, type).string(8, name).bytes(9, bytes);
  });
}

function writePort(port: MessageWriter, name: string, shape: readonly number[]): void {
  port.string(1, name).message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.integer(1, FLOAT);
      tensor.message(2, (dims) => {
        for (const n of shape) dims.message(1, (d) => d.integer(1, n));
      });
    }),
  );
}
