import type { ModelFiles } from "./pick-files.ts";

/** All files of a model in the order they are fetched. */
export function listModelFiles<F>(files: ModelFiles<F>): readonly F[] {
  if (files.kind === "safetensors") return files.files;
  return files.projector === undefined ? files.language : [...files.language, files.projector];
}

/** The same model with another thing in each file's place. */
export function mapModelFiles<A, B>(files: ModelFiles<A>, map: (file: A) => B): ModelFiles<B> {
  if (files.kind === "safetensors") return { kind: "safetensors", files: files.files.map(map) };
  const projector = files.projector === undefined ? undefined : map(files.projector);
  return { kind: "gguf", language: files.language.map(map), projector };
}
