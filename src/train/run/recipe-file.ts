import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { RecipeError } from "../errors.ts";
import { parseRecipe, type RecipeHead, recipeHead } from "../recipe/parse-recipe.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { openBaseModel } from "./base-model.ts";

/** A recipe's text, and what can be told before its model is opened. */
export interface RecipeFile extends RecipeHead {
  readonly text: string;
  /** Folder that the recipe's paths start at. */
  readonly here: string;
  /** `init` as a path. */
  readonly initFolder?: string;
}

/** Reads a recipe's text and its head. Throws RecipeError. */
export async function openRecipe(path: string): Promise<RecipeFile> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new RecipeError("(whole file)", `cannot be read from ${path}: the system said ${code}`, "Check the path.");
  });
  const head = recipeHead(text);
  const here = dirname(path);
  if (head.init === undefined) return { ...head, text, here };
  return { ...head, text, here, initFolder: isAbsolute(head.init) ? head.init : join(here, head.init) };
}

/** The whole recipe, with the shapes of the model in its `init` folder where it gives none. Throws RecipeError. */
export async function readRecipe(path: string): Promise<Recipe> {
  const { text, initFolder, givesModel } = await openRecipe(path);
  if (initFolder === undefined || givesModel) return parseRecipe(text);
  const base = await openBaseModel(initFolder);
  await base.close();
  return parseRecipe(text, base.model);
}
