import { MessageWriter } from "./protobuf.ts";

/** Attribute of an ONNX node. Whole numbers are written as ints unless wrapped in `{ float }`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** Name of a value in an ONNX graph. */
export type OnnxName = string;

type ElementType = "f32" | "i32" | "i64";

// numbers of onnx.proto: TensorProto.DataType, AttributeProto.AttributeType
const DATA_TYPE: Readonly<Record<ElementType, number>> = { f32: 1, i32: 6, i64: 7 };
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;
const IR_VERSION = 9;
const OPSET = 20;

interface Port {
  readonly name: OnnxName;
  readonly type: "f32" | "i32";
  readonly shape: readonly number[];
}

/** Builds an ONNX model of static shapes, node by node. Format: onnx.proto, opset 20. */
export class OnnxModel {
  readonly #nodes: ((w: MessageWriter) => void)[] = [];
  readonly #constants: ((w: MessageWriter) => void)[] = [];
  readonly #inputs: Port[] = [];
  readonly #outputs: Port[] = [];
  readonly #cache = new Map<string, OnnxName>();
  #count = 0;

  input(port: Port): void {
    this.#inputs.push(port);
  }

  output(port: Port): void {
    this.#outputs.push(port);
  }

  /** Adds a node with one output and returns its name. */
  node(op: string, inputs: readonly OnnxName[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): OnnxName {
    return this.nodes(op, inputs, { attributes, outputCount: 1 })[0];
  }

  /** Adds a node with several outputs. */
  nodes(
    op: string,
    inputs: readonly OnnxName[],
    options: { readonly attributes?: Readonly<Record<string, OnnxAttribute>>; readonly outputCount: number },
  ): readonly OnnxName[] {
    const outputs = Array.from({ length: options.outputCount }, () => this.#fresh());
    this.#nodes.push((w) => {
      for (const input of inputs) w.string(1, input);
      for (const output of outputs) w.string(2, output);
      w.string(4, op);
      for (const [name, value] of Object.entries(options.attributes ?? {})) {
        w.message(5, (a) => writeAttribute(a, name, value));
      }
    });
    return outputs;
  }

  /** Says that `name` is another name of `value`. */
  alias(name: OnnxName, value: OnnxName): void {
    this.#nodes.push((w) => {
      w.string(1, value).string(2, name).string(4, "Identity");
    });
  }

  /** A constant; equal constants are one. */
  constant(type: ElementType, values: readonly number[], shape: readonly number[]): OnnxName {
    const key = `${type} ${shape.join("x")} ${values.join(",")}`;
    return this.once(key, () => {
      const name = this.#fresh();
      this.#constants.push((w) => {
        for (const n of shape) w.integer(1, n);
        w.integer(2, DATA_TYPE[type]).string(8, name).bytes(9, rawBytes(type, values));
      });
      return name;
    });
  }

  scalar(value: number): OnnxName {
    return this.constant("f32", [value], []);
  }

  /** A list of whole numbers, as shapes and axes are given. */
  integers(values: readonly number[]): OnnxName {
    return this.constant("i64", values, [values.length]);
  }

  /** Makes something once and returns the same name afterwards. */
  once(key: string, make: () => OnnxName): OnnxName {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#cache.set(key, made);
    return made;
  }

  encode(): Uint8Array<ArrayBuffer> {
    const w = new MessageWriter();
    w.integer(1, IR_VERSION).string(2, "minicpmv");
    w.message(7, (graph) => {
      for (const node of this.#nodes) graph.message(1, node);
      graph.string(2, "graph");
      for (const constant of this.#constants) graph.message(5, constant);
      for (const port of this.#inputs) graph.message(11, (p) => writePort(p, port));
      for (const port of this.#outputs) graph.message(12, (p) => writePort(p, port));
    });
    w.message(8, (opset) => opset.string(1, "").integer(2, OPSET));
    return w.finish();
  }

  #fresh(): OnnxName {
    this.#count++;
    return `t${this.#count}`;
  }
}

function writeAttribute(w: MessageWriter, name: string, value: OnnxAttribute): void {
  w.string(1, name);
  if (typeof value === "number") w.integer(3, value).integer(20, ATTRIBUTE_TYPE.int);
  else if (typeof value === "string") w.string(4, value).integer(20, ATTRIBUTE_TYPE.string);
  else if ("float" in value) w.float(2, value.float).integer(20, ATTRIBUTE_TYPE.float);
  else {
    for (const n of value) w.integer(8, n);
    w.integer(20, ATTRIBUTE_TYPE.ints);
  }
}

function writePort(w: MessageWriter, { name, type, shape }: Port): void {
  w.string(1, name).message(2, (t) =>
    t.message(1, (tensor) => {
      tensor.integer(1, DATA_TYPE[type]);
      tensor.message(2, (dims) => {
        for (const n of shape) dims.message(1, (d) => d.integer(1, n));
      });
    }),
  );
}

function rawBytes(type: ElementType, values: readonly number[]): Uint8Array {
  switch (type) {
    case "f32":
      return new Uint8Array(Float32Array.from(values).buffer);
    case "i32":
      return new Uint8Array(Int32Array.from(values).buffer);
    case "i64":
      return new Uint8Array(BigInt64Array.from(values, (v) => BigInt(v)).buffer);
  }
}
