import { present } from "../base/invariant.ts";
import type { Backend, Executable, InputData, ResidentWeight, RunResult, WeightSource } from "../tensor/backend.ts";
import { grad } from "../tensor/grad.ts";
import { type Graph, slotsOf } from "../tensor/graph.ts";
import { weightUses } from "../tensor/weight-uses.ts";
import { ADAMW_DEFAULTS, type AdamWOptions, adamwStep, globalNorm, isDecayed, type Parameter } from "./adamw.ts";
import { TrainingDivergedError } from "./errors.ts";
import { Muon } from "./muon.ts";

/** Inputs of one pack of a training graph. */
export type PackInputs = Readonly<Record<string, InputData>>;

export interface TrainerOptions {
  readonly backend: Backend;
  readonly graph: Graph;
  /** Values by weight name; trained in place. Weights that the graph computes are given as well. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly trainable: (name: string) => boolean;
  /** Span inputs that fall into equal blocks, as LowerOptions says. */
  readonly blocks?: Readonly<Record<string, number>>;
  readonly adamw?: AdamWOptions;
  /** Weights with a rate or decay of their own; the first that matches counts. */
  readonly groups?: readonly ParameterGroup[];
  readonly clipNorm?: number;
  /** Matrices that are moved by orthogonal updates (muon.ts) instead of AdamW's; none when absent. */
  readonly orthogonal?: { readonly matches: (name: string) => boolean; readonly rateScale?: number };
  /** Moments kept from an earlier stage or run, by weight name. */
  readonly moments?: Readonly<Record<string, Parameter["moments"]>>;
}

/** Weights that are trained with other settings than the rest. */
export interface ParameterGroup {
  readonly matches: (name: string) => boolean;
  /** Factor on the learning rate. */
  readonly rateScale?: number;
  readonly weightDecay?: number;
}

/** Where an optimiser step stands. */
export interface StepOptions {
  /** Counts from 1. */
  readonly step: number;
  readonly rate: number;
  /** What is in each pack, for the message when its loss is not a number. */
  readonly contents?: readonly string[];
}

/** What one optimiser step did. */
export interface StepReport {
  readonly loss: number;
  readonly gradientNorm: number;
  /** Results of the last pack, for watching predictions. */
  readonly last: RunResult;
}

/** Forward and backward on a backend, gradients summed over packs, clipped, and applied by AdamW. */
export class Trainer implements Disposable {
  readonly parameters: readonly Parameter[];
  readonly #executable: Executable;
  readonly #resident: Readonly<Record<string, ResidentWeight>>;
  readonly #sums: Readonly<Record<string, Float32Array>>;
  readonly #options: TrainerOptions;
  readonly #extents: Readonly<Record<string, number>>;
  readonly #muon: Muon | undefined;
  readonly #orthogonal: ReadonlySet<string>;

  private constructor(
    options: TrainerOptions,
    executable: Executable,
    resident: Readonly<Record<string, ResidentWeight>>,
  ) {
    this.#options = options;
    this.#executable = executable;
    this.#resident = resident;
    this.#extents = slotsOf(options.graph);
    const names = trainableNames(options);
    this.parameters = names.map((name) => {
      const values = options.weights[name];
      const shape = shapeOf(options.graph, name);
      const moments = options.moments?.[name] ?? {
        first: new Float32Array(values.length),
        second: new Float32Array(values.length),
      };
      return { name, values, moments, isDecayed: isDecayed(name, shape) };
    });
    const orthogonal = this.parameters.flatMap((parameter) => {
      const [rows, columns, ...more] = shapeOf(options.graph, parameter.name);
      const isMatrix = rows !== undefined && columns !== undefined && more.length === 0;
      return isMatrix && options.orthogonal?.matches(parameter.name) === true ? [{ ...parameter, rows, columns }] : [];
    });
    this.#muon = orthogonal.length === 0 ? undefined : new Muon(options.backend, orthogonal);
    this.#orthogonal = new Set(orthogonal.map(({ name }) => name));
    this.#sums = Object.fromEntries(names.map((name) => [name, new Float32Array(options.weights[name].length)]));
  }

  /** Records the backward pass and uploads the weights. */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const graph = grad(options.graph, "loss", trainableNames(options));
    const uses = weightUses([graph]);
    const resident: Record<string, ResidentWeight> = {};
    for (const name of Object.keys(graph.weights)) {
      const source = valuesSource(name, shapeOf(graph, name), present(options.weights[name], `weight ${name}`));
      resident[name] = await options.backend.upload(source, { precision: "float", uses: uses[name] });
    }
    const executable = options.backend.lower(graph, {
      weights: resident,
      label: "training step",
      reusedOutputs: Object.keys(graph.outputs).filter((name) => name.startsWith(GRADIENT)),
      ...(options.blocks === undefined ? {} : { blocks: options.blocks }),
    });
    return new Trainer(options, executable, resident);
  }

  /**
   * One optimiser step over several packs, whose loss weights were divided by the count of supervised tokens of them all.
   * Throws TrainingDivergedError, which names the pack or the tensor, and leaves the weights as they were.
   */
  async step(packs: readonly PackInputs[], options: StepOptions): Promise<StepReport> {
    const { step, contents = [] } = options;
    for (const sum of Object.values(this.#sums)) sum.fill(0);
    let loss = 0;
    let last: RunResult = {};
    const wave = this.#options.backend.info.parallelRuns ?? 1;
    for (let begin = 0; begin < packs.length; begin += wave) {
      const results = await Promise.all(
        packs
          .slice(begin, begin + wave)
          .map((pack) => this.#executable.run({ extents: this.#extents, inputs: { ...pack, lossScale: ONE } })),
      );
      // summed in the order of packs, so that bits do not depend on which worker was faster
      for (const [i, result] of results.entries()) {
        const packLoss = present(result.loss, "the loss")[0];
        if (!Number.isFinite(packLoss)) {
          const index = begin + i;
          throw new TrainingDivergedError(step, `the loss of pack ${index}`, packLoss, contents[index]);
        }
        loss += packLoss;
        this.#addGradients(result);
        last = result;
      }
    }
    const gradientNorm = this.#checkedNorm(step);
    await this.#update(options, gradientNorm);
    return { loss, gradientNorm, last };
  }

  #addGradients(result: RunResult): void {
    for (const [name, sum] of Object.entries(this.#sums)) {
      const gradient = present(result[GRADIENT + name], `the gradient of ${name}`);
      for (let i = 0; i < sum.length; i++) sum[i] += gradient[i];
    }
  }

  #checkedNorm(step: number): number {
    const norm = globalNorm(Object.values(this.#sums));
    if (Number.isFinite(norm)) return norm;
    const bad = Object.entries(this.#sums).find(([, sum]) => !Number.isFinite(globalNorm([sum])));
    throw new TrainingDivergedError(step, `the gradient of ${bad?.[0] ?? "all weights together"}`, norm);
  }

  async #update({ step, rate }: StepOptions, gradientNorm: number): Promise<void> {
    const { clipNorm: clip = 1, adamw = ADAMW_DEFAULTS, groups = [] } = this.#options;
    const scale = gradientNorm > clip ? clip / gradientNorm : 1;
    await this.#muon?.step(this.#sums, {
      rate: rate * (this.#options.orthogonal?.rateScale ?? 1),
      scale,
      weightDecay: adamw.weightDecay,
    });
    for (const parameter of this.parameters) {
      if (!this.#orthogonal.has(parameter.name)) {
        const group = groups.find(({ matches }) => matches(parameter.name));
        const options = group?.weightDecay === undefined ? adamw : { ...adamw, weightDecay: group.weightDecay };
        adamwStep(parameter, this.#sums[parameter.name], {
          step,
          rate: rate * (group?.rateScale ?? 1),
          scale,
          options,
        });
      }
      this.#resident[parameter.name].replace(parameter.values);
    }
  }

  [Symbol.dispose](): void {
    this.#executable[Symbol.dispose]();
    this.#muon?.[Symbol.dispose]();
    for (const weight of Object.values(this.#resident)) weight[Symbol.dispose]();
  }
}

const ONE = Float32Array.of(1);
/** Outputs that `grad` names after weights begin so. */
const GRADIENT = "grad:";

function trainableNames({ graph, trainable }: TrainerOptions): readonly string[] {
  return Object.keys(graph.weights).filter((name) => !name.startsWith("computed.") && trainable(name));
}

function shapeOf(graph: Graph, name: string): readonly number[] {
  return graph.values[graph.weights[name]].dims.map((d) => d.capacity);
}

/** A weight that is already in memory. */
export function valuesSource(name: string, shape: readonly number[], values: Float32Array): WeightSource {
  const rowLength = shape[shape.length - 1] ?? 1;
  return {
    name,
    type: "F32",
    shape,
    readRows: async (begin, end) =>
      new Uint8Array(Float32Array.from(values.subarray(begin * rowLength, end * rowLength)).buffer),
  };
}
