// One matrix product in onnxruntime: float32 MatMul, or MatMulNBits with int8 activations (accuracy level 4).
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

/** What is multiplied, and how. */
interface MatmulTask {
  readonly shape: MatmulShape;
  readonly threads: number;
  /** [rows, into]. */
  readonly x: Float32Array;
}

/** A product as onnxruntime computes it. */
export interface OnnxMatmul {
  /** Computes it once more. */
  readonly run: () => Promise<void>;
  /** [rows, out]. */
  readonly y: Float32Array;
  /** Its first rows in float64, of the weights that are stored. */
  readonly truth: (rows: number) => Float64Array;
}

/** Makes a session and runs it once. */
export async function onnxMatmul(kind: MatmulKind, { shape, threads, x }: MatmulTask): Promise<OnnxMatmul> {
  const { rows, into, out } = shape;
  const stored = kind.kind === "f32" ? floatWeights(shape) : bitsWeights(kind, shape);
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1 };
  const session = await ort.InferenceSession.create(modelOf(kind, shape, stored), options);
  const feeds = { x: new ort.Tensor("float32", x, [rows, into]) };
  const { y } = await session.run(feeds);
  const truth = (count: number): Float64Array => {
    const expected = new Float64Array(count * out);
    for (let n = 0; n < out; n++) {
      const column = stored.column(n);
      for (let r = 0; r < count; r++) {
        let sum = 0;
        for (let i = 0; i < into; i++) sum += x[r * into + i] * column[i];
        expected[r * out + n] = sum;
      }
    }
    return expected;
  };
  const run = async (): Promise<void> => {
    await session.run(feeds);
  };
  return { run, y: y.data as Float32Array, truth };
}

interface StoredWeights {
  /** By the name of their input. */
  readonly tensors: readonly Initializer[];
  /** What column `n` of [into, out] stands for. */
  readonly column: (n: number) => Float64Array;
}

function floatWeights({ into, out }: MatmulShape): StoredWeights {
  const random = seededRandom(into);
  const values = Float32Array.from({ length: into * out }, () => random.next() - 0.5);
  const tensors = [{ name: "w", type: FLOAT, shape: [into, out], bytes: new Uint8Array(values.buffer) }];
  return { tensors, column: (n) => Float64Array.from({ length: into }, (_, i) => values[i * out + n]) };
}

type Bits = Extract<MatmulKind, { kind: "bits" }>;

/** MatMulNBits: each row of [out, into] in blocks, lower bits first, around the middle of their range. */
function bitsWeights({ bits, block }: Bits, { into, out }: MatmulShape): StoredWeights {
  const random = seededRandom(into + bits);
  const blocks = into / block;
  const bytes = Uint8Array.from({ length: (out * into * bits) / 8 }, () => random.below(256));
  const scales = Float32Array.from({ length: out * blocks }, () => 0.01 * (0.5 + random.next()));
  const tensors = [
    { name: "w", type: UINT8, shape: [out, blocks, (block * bits) / 8], bytes },
    { name: "scales", type: FLOAT, shape: [out * blocks], bytes: new Uint8Array(scales.buffer) },
  ];
  const middle = 2 ** (bits - 1);
  const column = (n: number): Float64Array =>
    Float64Array.from({ length: into }, (_, i) => {
      const at = n * into + i;
      const value = bits === 8 ? bytes[at] : (bytes[at >> 1] >> ((at & 1) * 4)) & 15;
      return (value - middle) * scales[n * blocks + Math.floor(i / block)];
    });
  return { tensors, column };
}

function modelOf(kind: MatmulKind, { rows, into, out }: MatmulShape, { tensors }: StoredWeights): Uint8Array {
  const w = new MessageWriter();
  w.integer(1, IR_VERSION);
  w.message(7, (graph) => {
    if (kind.kind === "f32") {
      graph.message(1, (node) => node.string(1, "x").string(1, "w").string(2, "y").string(4, "MatMul"));
    } else writeBitsProduct(graph, kind, { into, out });
    for (const tensor of tensors) writeTensor(graph, tensor);
    graph.string(2, "product");
    graph.message(11, (port) => writePort(port, "x", [rows, into]));
    graph.message(12, (port) => writePort(port, "y", [rows, out]));
  });
  w.message(8, (opset) => opset.string(1, "").integer(2, OPSET));
  w.message(8, (opset) => opset.string(1, "com.microsoft").integer(2, MICROSOFT_OPSET));
  return w.finish();
}

function writeBitsProduct(
  graph: MessageWriter,
  { bits, block }: Bits,
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
