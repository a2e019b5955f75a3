import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../node_modules/", import.meta.url));

/** Why the generator cannot run here, or undefined when its packages are installed. */
export function missingPackages(): string | undefined {
  if (existsSync(`${folder}@fontsource`)) return undefined;
  return "The recipe's fonts are not installed. Run: cd recipes/pocket && npm install --ignore-scripts";
}

/** Path of a file inside one of the recipe's own packages. */
export function packageFile(path: string): string {
  return folder + path;
}
