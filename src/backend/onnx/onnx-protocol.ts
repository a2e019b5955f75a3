/** Typed arrays that cross between the threads. */
export type OnnxData = Float32Array | Int32Array;

/** The part of onnxruntime-node that is used; it is an optional dependency, so its own types are not. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: "float32" | "int32", data: OnnxData, shape: readonly number[]) => OnnxTensor;
}

export interface OnnxTensor {
  readonly data: OnnxData;
}

export interface OnnxSession {
  /** Outputs with a tensor are written into it. */
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    fetches: Readonly<Record<string, OnnxTensor | null>>,
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

export interface OnnxWorkerData {
  readonly runtimePath: string;
  readonly threadCount: number;
}

export interface OnnxFeed {
  readonly data: OnnxData;
  readonly shape: readonly number[];
}

export type OnnxRequest =
  | { readonly kind: "load"; readonly call: number; readonly session: number; readonly model: Uint8Array }
  | {
      readonly kind: "run";
      readonly call: number;
      readonly session: number;
      readonly feeds: Readonly<Record<string, OnnxFeed>>;
      /** Where outputs go: shared memory to be written in place, or null for an array of their own. */
      readonly fetches: Readonly<Record<string, OnnxFeed | null>>;
    }
  | { readonly kind: "drop"; readonly call: number; readonly session: number };

export type OnnxReply =
  | { readonly kind: "loaded"; readonly call: number }
  | { readonly kind: "ran"; readonly call: number; readonly outputs: Readonly<Record<string, OnnxData>> }
  | { readonly kind: "failed"; readonly call: number; readonly reason: string };
