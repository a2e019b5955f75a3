import { UnsupportedError } from "../../base/errors.ts";
import { hfNaming } from "../../model/naming/hf.ts";
import type { WeightNaming } from "../../model/weight-binding.ts";
import type { ShapeOf } from "../run-folder.ts";

/** A tensor ready to be written. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Weights that only training needs, or that are computed. */
const OWN = /^(train|computed)\./;

/**
 * Weights as the published files name and shape them: stacked q, k, v of the resampler joined again, the patch embedding
 * a convolution. Heads of training alone are left out. Throws UnsupportedError for a version whose values differ too, and for
 * a stack of which a part is missing.
 */
export function publishedTensors(
  weights: Readonly<Record<string, Float32Array>>,
  shapeOf: ShapeOf,
  naming: WeightNaming = hfNaming,
): readonly NamedTensor[] {
  const tensors = new Map<string, NamedTensor>();
  const missing = new Map<string, number>();
  for (const [name, values] of Object.entries(weights)) {
    if (OWN.test(name)) continue;
    const shape = shapeOf(name);
    const place = naming(name, shape);
    if (place === undefined || place.map !== undefined) {
      throw new UnsupportedError(
        `Weight ${name} has no plain place in this version's files.`,
        "Train V-2.5 to V-4.5, or a model of the same family.",
      );
    }
    const { part } = place;
    if (part === undefined) {
      tensors.set(place.name, { name: place.name, shape: place.shape ?? shape, values });
      continue;
    }
    const whole = [shape[0] * part.count, ...shape.slice(1)];
    const stacked = tensors.get(place.name) ?? {
      name: place.name,
      shape: whole,
      values: new Float32Array(values.length * part.count),
    };
    if (stacked.values.length !== values.length * part.count) {
      throw new UnsupportedError(`${name} is no equal part of ${place.name}.`, "Take the weights of one model.");
    }
    stacked.values.set(values, part.index * values.length);
    missing.set(place.name, (missing.get(place.name) ?? part.count) - 1);
    tensors.set(place.name, stacked);
  }
  for (const [name, count] of missing) {
    if (count !== 0) throw new UnsupportedError(`Parts of ${name} are missing.`, "Save the whole model and try again.");
  }
  return [...tensors.values()];
}
