/** `npm run docs`: writes the generated pages of docs/. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { apiPage } from "./docs-api.ts";
import { allErrorClasses, errorsPage } from "./docs-errors.ts";
import { opsPage } from "./docs-ops.ts";

const FOLDER = join(import.meta.dirname, "..", "docs");

/** Path and wanted text of every generated page. */
export function generatedPages(): readonly { readonly path: string; readonly text: string }[] {
  return [
    { path: join(FOLDER, "api.md"), text: apiPage() },
    { path: join(FOLDER, "errors.md"), text: errorsPage(allErrorClasses()) },
    { path: join(FOLDER, "ops.md"), text: opsPage() },
  ];
}

if (process.argv[1] === import.meta.filename) {
  for (const { path, text } of generatedPages()) writeFileSync(path, text);
}
