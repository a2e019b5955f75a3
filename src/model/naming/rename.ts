/** Patterns and what replaces them; the first that matches a name decides. */
export type RenameTable = readonly (readonly [RegExp, string])[];

/** The new name of `name`, or undefined when no pattern matches. */
export function rename(table: RenameTable, name: string): string | undefined {
  const row = table.find(([pattern]) => pattern.test(name));
  return row === undefined ? undefined : name.replace(row[0], row[1]);
}

/** [out, 3·p·p] as a convolution holds it: [out, 3, p, p]. */
export function convolutionShape([out, values]: readonly number[]): readonly number[] {
  const side = Math.sqrt(values / 3);
  return [out, 3, side, side];
}

/** Name of the patch embedding's weight in the graph. */
export const PATCH_WEIGHT = "vpm.embeddings.patch_embedding.weight";
