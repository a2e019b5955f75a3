import { present } from "../base/invariant.ts";
import type { Backend, Executable } from "../tensor/backend.ts";
import { dim } from "../tensor/dim.ts";
import type { Graph } from "../tensor/graph.ts";
import type { Ops } from "../tensor/ops.ts";
import { record } from "../tensor/recorder.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Moments } from "./adamw.ts";

// Quintic that brings singular values of 0 to 1 near 1 in five rounds (Jordan et al., "Muon", 2024).
const [A, B, C] = [3.4445, -4.775, 2.0315];
const ROUNDS = 5;
const MOMENTUM = 0.95;
/** An orthogonal update is made as large as AdamW's usual one: 0.2 √max(rows, columns) (arXiv 2502.16982, §2.2). */
const UPDATE_SIZE = 0.2;

/** Shape of a matrix under training. */
export interface MatrixShape {
  readonly rows: number;
  readonly columns: number;
}

/**
 * Matrices of these shapes, no more rows than columns, each replaced by its nearest orthogonal one: inputs `in.0` … of
 * norm 1, outputs `out.0` ….
 */
export function orthogonalGraph(shapes: readonly MatrixShape[]): Graph {
  return record((ops) => {
    for (const [i, { rows, columns }] of shapes.entries()) {
      const x = ops.input<["M", "N"]>(`in.${i}`, "f32", dim("M", rows), dim("N", columns));
      ops.output(`out.${i}`, orthogonal(ops, x));
    }
  });
}

/** X ← aX + (bS + cS²)X with S = X Xᵀ. */
function orthogonal(ops: Ops, start: Tensor<["M", "N"]>): Tensor<["M", "N"]> {
  let x = start;
  for (let round = 0; round < ROUNDS; round++) {
    const square = ops.linear(x, { weight: x });
    x = ops.add(ops.scale(x, A), ops.transposedLinear(polynomial(ops, square), { transposedWeight: x }));
  }
  return x;
}

/** bS + cS²; S is symmetric, so that S Sᵀ serves. */
function polynomial(ops: Ops, square: Tensor<["M", "M"]>): Tensor<["M", "M"]> {
  const twice = ops.linear(square, { weight: square });
  return ops.add(ops.scale(square, B), ops.scale(twice, C));
}

/** A matrix that is trained by orthogonal updates. */
export interface MuonParameter extends MatrixShape {
  readonly name: string;
  readonly values: Float32Array;
  /** `first` is the momentum; `second` is not used. */
  readonly moments: Moments;
}

export interface MuonStep {
  readonly rate: number;
  /** Factor on every gradient: clipping. */
  readonly scale: number;
  readonly weightDecay: number;
}

/**
 * Optimiser of the matrices of hidden layers: momentum made orthogonal, so that every direction of a matrix moves alike.
 * For one value that the trainer passes as a rate it moves weights about as far as AdamW.
 */
export class Muon implements Disposable {
  readonly #parameters: readonly MuonParameter[];
  readonly #executable: Executable;
  /** Parameters by run and place; runs have one list of shapes, so that they can compute at the same time. */
  readonly #runs: readonly (readonly (MuonParameter | undefined)[])[];

  constructor(backend: Backend, parameters: readonly MuonParameter[]) {
    this.#parameters = parameters;
    const { runs, shapes } = arrange(parameters, backend.info.parallelRuns ?? 1);
    this.#runs = runs;
    const graph = orthogonalGraph(shapes);
    this.#executable = backend.lower(graph, {
      weights: {},
      label: "orthogonal updates",
      reusedOutputs: Object.keys(graph.outputs),
    });
  }

  /** Moves every parameter once. `gradients` by name. */
  async step(gradients: Readonly<Record<string, Float32Array>>, { rate, scale, weightDecay }: MuonStep): Promise<void> {
    for (const { name, moments } of this.#parameters) {
      const gradient = present(gradients[name], `the gradient of ${name}`);
      const { first } = moments;
      for (let i = 0; i < first.length; i++) first[i] = MOMENTUM * first[i] + gradient[i] * scale;
    }
    await Promise.all(
      this.#runs.map(async (places) => {
        const inputs = Object.fromEntries(
          places.map((parameter, i) => [
            `in.${i}`,
            parameter === undefined ? this.#empty(i) : lookAhead(parameter, gradients[parameter.name], scale),
          ]),
        );
        const outputs = await this.#executable.run({ inputs });
        for (const [i, parameter] of places.entries()) {
          if (parameter === undefined) continue;
          const update = present(outputs[`out.${i}`], `the update of ${parameter.name}`);
          apply(parameter, update, { rate, weightDecay });
        }
      }),
    );
  }

  #empty(place: number): Float32Array {
    const like = present(this.#runs[0][place], `place ${place}`);
    return new Float32Array(like.values.length);
  }

  [Symbol.dispose](): void {
    this.#executable[Symbol.dispose]();
  }
}

/** Nesterov's momentum, of norm 1, lying down: rows and columns change places where rows are more. */
function lookAhead(
  { moments: { first }, rows, columns }: MuonParameter,
  gradient: Float32Array,
  scale: number,
): Float32Array {
  const x = new Float32Array(first.length);
  let squares = 0;
  for (let i = 0; i < x.length; i++) {
    x[i] = gradient[i] * scale + MOMENTUM * first[i];
    squares += x[i] * x[i];
  }
  const factor = 1 / (Math.sqrt(squares) + 1e-12);
  for (let i = 0; i < x.length; i++) x[i] *= factor;
  return rows > columns ? transposed(x, rows, columns) : x;
}

function transposed(x: ArrayLike<number>, rows: number, columns: number): Float32Array {
  const y = new Float32Array(x.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) y[c * rows + r] = x[r * columns + c];
  return y;
}

function apply(
  { values, rows, columns }: MuonParameter,
  lying: Float32Array | Int32Array,
  { rate, weightDecay }: Omit<MuonStep, "scale">,
): void {
  const update = rows > columns ? transposed(lying, columns, rows) : lying;
  const size = rate * UPDATE_SIZE * Math.sqrt(Math.max(rows, columns));
  const keep = 1 - rate * weightDecay;
  for (let i = 0; i < values.length; i++) values[i] = values[i] * keep - size * update[i];
}

/** Of the matrix lying down. */
function shapeOf({ rows, columns }: MatrixShape): MatrixShape {
  return { rows: Math.min(rows, columns), columns: Math.max(rows, columns) };
}

/** Deals parameters of each shape out to `count` runs; the first run has the most. */
function arrange(parameters: readonly MuonParameter[], count: number) {
  const byShape = new Map<string, MuonParameter[]>();
  for (const parameter of parameters) {
    const key = `${shapeOf(parameter).rows}×${shapeOf(parameter).columns}`;
    byShape.set(key, [...(byShape.get(key) ?? []), parameter]);
  }
  const shapes: MatrixShape[] = [];
  const runs = Array.from({ length: count }, (): (MuonParameter | undefined)[] => []);
  for (const same of byShape.values()) {
    for (let i = 0; i < same.length; i += count) {
      shapes.push(shapeOf(same[i]));
      for (const [r, run] of runs.entries()) run.push(same[i + r]);
    }
  }
  return { runs, shapes };
}
