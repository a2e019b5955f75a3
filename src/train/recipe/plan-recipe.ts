import { type OpDefinition, sizeOf } from "../../tensor/definition.ts";
import { DEFINITIONS } from "../../tensor/definitions.ts";
import { extentsOf } from "../../tensor/dim.ts";
import { grad } from "../../tensor/grad.ts";
import { type Graph, type Node, slotsOf } from "../../tensor/graph.ts";
import { plan } from "../../tensor/planner.ts";
import { isLoraTrainable, type LoraOptions, withLora } from "../lora.ts";
import type { PackShape, TrainedModel } from "../training-graph.ts";
import { isTrained, type Recipe, type RecipeStage } from "./recipe.ts";
import { taskGraph } from "./stage-graph.ts";

/** A machine to reckon with. */
export interface PlannedDevice {
  readonly name: string;
  /** What it reaches in training, not its peak. */
  readonly flopsPerSecond: number;
}

/** One core as measured with the onnx executor, and published training rates of accelerators. */
export const PLANNED_DEVICES: readonly PlannedDevice[] = [
  { name: "one AVX-512 core (100 GFLOP/s)", flopsPerSecond: 100e9 },
  { name: "one A100 at 40 % of 312 TFLOP/s", flopsPerSecond: 0.4 * 312e12 },
  { name: "64 H100 at 40 % of 990 TFLOP/s", flopsPerSecond: 64 * 0.4 * 990e12 },
];

/** What one stage takes. */
export interface StagePlan {
  readonly name: string;
  readonly parameters: number;
  readonly trainedParameters: number;
  readonly samples: number;
  /** Optimiser steps, by how many typical samples a pack holds. */
  readonly steps: number;
  readonly flopsPerSample: number;
  readonly flops: number;
  /** Float32 weights, gradients and moments, and the planner's workspace of one pack. */
  readonly memory: {
    readonly weightBytes: number;
    readonly gradientBytes: number;
    readonly momentBytes: number;
    readonly workspaceBytes: number;
    /**
     * All that one process holds at once: weights as read, as trained and as the executor has them, gradients of a pack and
     * their sum, moments, the average where there is one, and the workspace.
     */
    readonly residentBytes: number;
  };
  /** Days on each device. */
  readonly days: Readonly<Record<string, number>>;
}

/** What a recipe takes, before anything is allocated. */
export interface RecipePlan {
  readonly name: string;
  readonly stages: readonly StagePlan[];
  readonly flops: number;
  readonly days: Readonly<Record<string, number>>;
}

/**
 * FLOPs, memory and days of every stage: the training graph is recorded, differentiated for what the stage trains, and
 * folded over with the ops' own formulas. Nothing is allocated.
 */
export function planRecipe(recipe: Recipe, devices: readonly PlannedDevice[] = PLANNED_DEVICES): RecipePlan {
  const stages = recipe.stages.map((stage) => planStage(recipe.model, stage, devices));
  const flops = stages.reduce((sum, stage) => sum + stage.flops, 0);
  return { name: recipe.name, stages, flops, days: daysOf(flops, devices) };
}

function planStage(model: TrainedModel, stage: RecipeStage, devices: readonly PlannedDevice[]): StagePlan {
  const typical = typicalShape(model, stage);
  const { graph, trained } = stageGraph(model, stage, typical);
  const flopsPerSample = packedFlops(graph, typical);
  const flops = flopsPerSample * stage.samples;
  const perPack = Math.max(
    1,
    stage.task.kind === "dense"
      ? Math.floor(stage.pack.views / typical.views)
      : Math.floor(stage.pack.tokens / typical.tokens),
  );
  const full = stageGraph(model, stage, stage.pack).graph;
  const parameters = countOf(graph, Object.keys(graph.weights));
  const trainedParameters = countOf(graph, trained);
  const [weightBytes, gradientBytes] = [4 * parameters, 4 * trainedParameters];
  const momentBytes = 2 * gradientBytes;
  const averageBytes = stage.optimiser.average === undefined ? 0 : gradientBytes;
  const workspaceBytes = plan(full).arenaBytes;
  return {
    name: stage.name,
    parameters,
    trainedParameters,
    samples: stage.samples,
    steps: Math.ceil(stage.samples / (perPack * stage.packsPerStep)),
    flopsPerSample,
    flops,
    memory: {
      weightBytes,
      gradientBytes,
      momentBytes,
      workspaceBytes,
      residentBytes: 3 * weightBytes + 2 * gradientBytes + momentBytes + averageBytes + workspaceBytes,
    },
    days: daysOf(flops, devices),
  };
}

/** A pack that holds one typical sample. */
function typicalShape(model: TrainedModel, { resolution, typical }: RecipeStage): PackShape {
  const views = Math.max(1, Math.round(typical.views));
  const perView = Math.round(resolution.side / model.vision.patchSize) ** 2;
  return {
    views,
    patches: views * perView,
    tokens: Math.round(typical.tokens) + views * model.resampler.queryCount,
  };
}

function stageGraph(
  model: TrainedModel,
  stage: RecipeStage,
  shape: PackShape,
): { readonly graph: Graph; readonly trained: readonly string[] } {
  const plain = taskGraph(model, stage, shape);
  const lora = loraOptions(stage);
  const forward = lora === undefined ? plain : withLora(plain, lora);
  const trained = Object.keys(forward.weights).filter(
    (name) =>
      !name.startsWith("computed.") && (isTrained(stage, name) || (lora !== undefined && isLoraTrainable(name, lora))),
  );
  return { graph: grad(forward, "loss", trained), trained };
}

/** A stage's adapters as the graph transform takes them. */
export function loraOptions({ lora }: Pick<RecipeStage, "lora">): LoraOptions | undefined {
  return lora === undefined ? undefined : { ...lora, targets: new RegExp(lora.targets) };
}

/** FLOPs of a full pack where attention stays within views and looks back over half a text on average. */
export function packedFlops(graph: Graph, shape: PackShape): number {
  const extents = slotsOf(graph);
  const seen: Readonly<Record<string, number>> = {
    P: shape.patches / shape.views,
    Q: shape.patches / shape.views,
    T: (shape.tokens + 1) / 2,
  };
  return graph.nodes.reduce((sum, node) => {
    const lengths = (id: number): number[] => extentsOf(graph.values[id].dims, extents);
    const inputs = node.inputs.map(lengths);
    const span = isAttention(node) ? seen[graph.values[node.inputs[0]].dims[1].axis] : undefined;
    if (span !== undefined) inputs[1] = [inputs[1][0], span, inputs[1][2]];
    const definition: OpDefinition = DEFINITIONS[node.op];
    return sum + definition.flops({ inputs, outputs: node.outputs.map(lengths) });
  }, 0);
}

function isAttention({ op }: Node): boolean {
  return op === "attention" || op === "attentionBackward";
}

function countOf(graph: Graph, names: readonly string[]): number {
  return names
    .filter((name) => !name.startsWith("computed."))
    .reduce((sum, name) => sum + sizeOf(graph.values[graph.weights[name]].dims.map((d) => d.capacity)), 0);
}

function daysOf(flops: number, devices: readonly PlannedDevice[]): Readonly<Record<string, number>> {
  return Object.fromEntries(devices.map(({ name, flopsPerSecond }) => [name, flops / flopsPerSecond / 86400]));
}

/** The plan as lines for a terminal. */
export function describePlan({ name, stages, flops, days }: RecipePlan): readonly string[] {
  const gib = (bytes: number): string =>
    bytes < 2 ** 29 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const total = Object.entries(days).map(([device, count]) => `  ${formatDays(count)} on ${device}`);
  return [
    `${name}: ${flops.toExponential(2)} FLOPs in ${stages.length} stages`,
    ...stages.map(({ memory, ...stage }) =>
      [
        `  ${stage.name}: ${(stage.trainedParameters / 1e6).toFixed(1)} of ${(stage.parameters / 1e6).toFixed(1)} M parameters`,
        `${stage.samples.toLocaleString("en")} samples, ${stage.steps.toLocaleString("en")} steps`,
        `${stage.flops.toExponential(2)} FLOPs`,
        `weights ${gib(memory.weightBytes)}, gradients and moments ${gib(memory.gradientBytes + memory.momentBytes)}, workspace ${gib(memory.workspaceBytes)}; in one process ${gib(memory.residentBytes)}`,
      ].join("; "),
    ),
    ...total,
  ];
}

function formatDays(days: number): string {
  if (days < 1 / 24) return `${(days * 1440).toFixed(1)} minutes`;
  return days < 2 ? `${(days * 24).toFixed(1)} hours` : `${Math.round(days).toLocaleString("en")} days`;
}
