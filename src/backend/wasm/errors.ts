import { MiniCpmError } from "../../base/errors.ts";

/** The machine cannot give, or WebAssembly cannot address, the memory asked for. */
export class OutOfMemoryError extends MiniCpmError {
  constructor(neededBytes: number, freeBytes: number, options?: ErrorOptions) {
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
    super(
      "E_OUT_OF_MEMORY",
      `${mib(neededBytes)} MiB are needed in one piece, but ${mib(freeBytes)} MiB are left of the memory that the backend may use.`,
      "Choose a smaller quantisation or context, or dispose of another model first.",
      options,
    );
  }
}

/** A thread stopped or trapped while it computed; the backend cannot be used further. */
export class WorkerFailedError extends MiniCpmError {
  constructor(reason: string, options?: ErrorOptions) {
    super(
      "E_WORKER_FAILED",
      `A compute thread failed: ${reason}.`,
      "Dispose of the backend and create it again; please report the message if it happens twice.",
      options,
    );
  }
}

/** A weight's type has no kernel for what the graph does with it. */
export class WeightTypeError extends MiniCpmError {
  constructor(name: string, type: string, use: string) {
    super(
      "E_WEIGHT_TYPE",
      `Weight "${name}" of type ${type} cannot be used as ${use}.`,
      "Convert the file to F16, Q8_0 or Q4_K_M with `minicpmv quantize`.",
    );
  }
}

/** The stored bytes of a weight end early. */
export class WeightBytesError extends MiniCpmError {
  constructor(name: string, expectedBytes: number, actualBytes: number) {
    super(
      "E_WEIGHT_BYTES",
      `Weight "${name}" gave ${actualBytes} bytes where ${expectedBytes} were expected.`,
      "The file is cut short or changed while it was read: download it again.",
    );
  }
}

/** A weight holds NaN or infinity, as damaged scales do. */
export class WeightValueError extends MiniCpmError {
  constructor(name: string, row: number, value: number) {
    super(
      "E_WEIGHT_VALUE",
      `Weight "${name}" holds ${value} in row ${row}.`,
      "The file is damaged: download it again, or compare its checksum with the published one.",
    );
  }
}

/** A weight's shape is not the one that the graph was recorded with. */
export class WeightShapeError extends MiniCpmError {
  constructor(name: string, expected: readonly number[], actual: readonly number[]) {
    super(
      "E_WEIGHT_SHAPE",
      `Weight "${name}" is [${actual.join(", ")}], but the graph was recorded for [${expected.join(", ")}].`,
      "Check that the configuration matches the weights.",
    );
  }
}
