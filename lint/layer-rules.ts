import { posix } from "node:path";
import { dynamicImportsOf, importsOf, type SourceFile, valueImportsOf, withoutComments } from "./source-tree.ts";

/** Layer name to the layers it may import, from layers.json. */
export type LayerTable = Readonly<Record<string, readonly string[]>>;

/** What each import is held against. */
export interface ImportRules {
  readonly layers: LayerTable;
  /** Packages that are installed with this one. */
  readonly dependencies: readonly string[];
  /** Packages that a user may have: dynamic imports only. */
  readonly optional: readonly string[];
}

/** Entry files stand in src itself; every other file belongs to the folder below src. */
export const ENTRY = "entry";

// one backend must be removable without touching another
const SIBLINGS = ["src/backend/wasm/", "src/backend/webgpu/", "src/backend/onnx/"];

// For Node alone: the programs, training with its folders of runs, and onnxruntime-node. Elsewhere Node's modules stand in a
// folder or file with that word in its name.
const NODE_PLACES = ["src/server/", "src/cli/", "src/train/", "src/backend/onnx/"];

export function layerOf(path: string): string {
  const [, folder, ...rest] = path.split("/");
  return rest.length === 0 ? ENTRY : folder;
}

function mayUseNode(path: string): boolean {
  return path.split(/[/.-]/).includes("node") || NODE_PLACES.some((folder) => path.startsWith(folder));
}

/** Path of the file that a relative import names, or undefined for a package. */
export function resolveImport(from: string, name: string): string | undefined {
  return name.startsWith(".") ? posix.join(posix.dirname(from), name) : undefined;
}

function relativeViolation(from: string, target: string, layers: LayerTable): string | undefined {
  if (!target.startsWith("src/")) return `reaches outside src to ${target}`;
  const [own, other] = [layerOf(from), layerOf(target)];
  if (layers[own] === undefined) return `belongs to the layer ${own}, which lint/layers.json does not list`;
  if (own !== other && !layers[own].includes(other)) return `is in ${own} and imports ${target} of ${other}`;
  const [mine, theirs] = [from, target].map((path) => SIBLINGS.find((folder) => path.startsWith(folder)));
  if (mine !== undefined && theirs !== undefined && mine !== theirs) return `imports its sibling ${target}`;
  return undefined;
}

function packageViolation(from: string, name: string, isDynamic: boolean, rules: ImportRules): string | undefined {
  if (name.startsWith("node:")) {
    // a dynamic import behind a check of the platform is how one file serves both
    return mayUseNode(from) || isDynamic ? undefined : `imports ${name} outside a folder or file called node`;
  }
  const parts = name.split("/");
  const packageName = name.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
  if (rules.dependencies.includes(packageName)) return undefined;
  if (rules.optional.includes(packageName)) return isDynamic ? undefined : `imports the optional ${name} at load`;
  return `imports ${name}, which is no dependency of the package`;
}

/** One sentence for every import of the library that its layer may not have. */
export function layerViolations(files: readonly SourceFile[], rules: ImportRules): readonly string[] {
  return files.flatMap((file) => {
    const dynamic = dynamicImportsOf(file);
    return importsOf(file).flatMap((name) => {
      const target = resolveImport(file.path, name);
      const problem =
        target === undefined
          ? packageViolation(file.path, name, dynamic.includes(name), rules)
          : relativeViolation(file.path, target, rules.layers);
      return problem === undefined ? [] : [`${file.path} ${problem}`];
    });
  });
}

/** The first cycle of imports that exist at run time, as the list of its files, or undefined. Types may refer to each other. */
export function importCycle(files: readonly SourceFile[]): readonly string[] | undefined {
  const edges = new Map(
    files.map((file) => [
      file.path,
      valueImportsOf(file)
        .map((name) => resolveImport(file.path, name))
        .filter((target) => target !== undefined),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const next of edges.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of edges.keys()) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Chain of static imports that leads from a file to one of Node's modules, or undefined: a page could not load that file. */
export function wayToNode(entry: string, files: readonly SourceFile[]): readonly string[] | undefined {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const visit = (path: string): readonly string[] | undefined => {
    const file = byPath.get(path);
    if (seen.has(path) || file === undefined) return undefined;
    seen.add(path);
    const dynamic = dynamicImportsOf(file);
    for (const name of valueImportsOf(file).filter((one) => !dynamic.includes(one))) {
      if (name.startsWith("node:")) return [path, name];
      const rest = visit(resolveImport(path, name) ?? name);
      if (rest !== undefined) return [path, ...rest];
    }
    return undefined;
  };
  return visit(entry);
}

/**
 * The one import for its effect alone: entry points define Symbol.dispose where the engine has none, before any class uses it.
 */
const DISPOSAL_SYMBOLS = /^\s*import "\.\/base\/disposal-symbols\.ts";/;

/** What an entry file holds beside re-exports by name; empty where it is as it should be. `export *` would publish by accident. */
export function entryRemainder(file: SourceFile): string {
  return withoutComments(file.text)
    .replace(DISPOSAL_SYMBOLS, "")
    .replace(/export\s+(?:type\s+)?\{[^}]*\}\s*from\s*"[^"]+";/g, "")
    .trim();
}
