/** Uses the packed package as a user would: installed alone in an empty folder, on every Node that it supports. */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const ROOT = join(import.meta.dirname, "..");
const TINY_MODEL = join(ROOT, "test/golden/ladder/v2.6");
const INSTALLED_LIMIT_BYTES = 20_000_000;
/** Each release line that the package promises to run on. */
const MAJORS = [20, 22, 24] as const;
const PACKAGE_TESTS = ["chat/greedy", "chat/decoding", "chat/extract", "server/clients", "cli/cli"].map(
  (name) => `test/e2e/${name}.test.ts`,
);
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"];

export interface Node {
  readonly version: string;
  readonly binary: string;
}

interface Result {
  readonly ok: boolean;
  readonly stdout: string;
  /** Last lines of both outputs, for messages. */
  readonly tail: string;
}

function run(program: string, args: readonly string[], cwd: string, node = process.execPath): Result {
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const options = { cwd, encoding: "utf8", timeout: 300_000, env: { ...process.env, PATH: path } } as const;
  const { status, stdout, stderr } = spawnSync(program, args, { ...options, shell: process.platform === "win32" });
  const tail = `${stdout}${stderr}`.trim().split("\n").slice(-4).join(" | ");
  return { ok: status === 0, stdout: stdout ?? "", tail };
}

function npmInstall(folder: string, ...specs: string[]): Result {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, "package.json"))) writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  return run("npm", ["install", ...flags, ...specs], folder);
}

function nodeAt(binary: string): Node | undefined {
  const { status, stdout } = spawnSync(binary, ["--version"], { encoding: "utf8" });
  return status === 0 ? { version: stdout.trim(), binary } : undefined;
}

function majorOf({ version }: Node): number {
  return Number(/^v(\d+)/.exec(version)?.[1]);
}

/** The running Node and those on the path; release lines that are missing come from npm where it has them. */
export function supportedNodes(folder: string): readonly Node[] {
  const name = process.platform === "win32" ? "node.exe" : "node";
  const places = (process.env.PATH ?? "").split(delimiter).filter((place) => place !== "");
  const found = [process.execPath, ...places.map((place) => join(place, name)).filter(existsSync)]
    .map(nodeAt)
    .filter((node) => node !== undefined);
  const wanted = MAJORS.map((major) => found.find((node) => majorOf(node) === major) ?? fetchNode(folder, major));
  return wanted.filter((node) => node !== undefined);
}

function fetchNode(folder: string, major: number): Node | undefined {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const carrier = `node-${platform}-${process.arch}`;
  const home = join(folder, `node-${major}`);
  const { ok, tail } = npmInstall(home, `${carrier}@${major}`);
  if (!ok) console.log(`Node ${major} is not tried: ${tail}`);
  return nodeAt(join(home, "node_modules", carrier, "bin", process.platform === "win32" ? "node.exe" : "node"));
}

function diskBytes(path: string): number {
  const entry = lstatSync(path);
  const own = entry.blocks === undefined ? entry.size : entry.blocks * 512;
  if (!entry.isDirectory()) return own;
  return readdirSync(path).reduce((bytes, name) => bytes + diskBytes(join(path, name)), own);
}

function scriptsOnInstall(modules: string): readonly string[] {
  const manifests = readdirSync(modules, { recursive: true, encoding: "utf8" }).filter((path) =>
    /(?:^|[\\/])package\.json$/.test(path),
  );
  return manifests.flatMap((path) => {
    const { scripts = {} }: { scripts?: Record<string, string> } = JSON.parse(
      readFileSync(join(modules, path), "utf8"),
    );
    return INSTALL_SCRIPTS.filter((name) => name in scripts).map((name) => `${path} has the script ${name}`);
  });
}

/** What the recorded model must answer, through the library and through the command line. */
interface Recorded {
  readonly question: string;
  readonly greedyTokens: readonly number[];
}

function librarySmoke(entries: readonly string[], { question, greedyTokens }: Recorded): string {
  const options = { temperature: 0, repetitionPenalty: 1, maxNewTokens: 16, ignoresStopTokens: true };
  return `
    import { readFile } from "node:fs/promises";
    for (const name of ${JSON.stringify(entries)}) await import(name);
    const { load } = await import("minicpmv");
    const model = await load(${JSON.stringify(TINY_MODEL)}, { threads: 1, kernels: "generic", cacheType: "f32" });
    const image = await readFile(${JSON.stringify(join(TINY_MODEL, "small.png"))});
    const content = [image, ${JSON.stringify(question)}];
    const { tokens } = await model.complete([{ role: "user", content }], ${JSON.stringify(options)});
    await model[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]?.();
    const ids = tokens.map(({ id }) => id).join();
    if (ids !== ${JSON.stringify(greedyTokens.slice(0, 16).join())}) throw new Error("other tokens: " + ids);`;
}

/** Installs the package, imports every entry, lets the recorded model answer, and runs the command; says in words what went wrong. */
export function consumerProblems(
  tarball: string,
  manifest: { readonly version?: string; readonly exports?: Record<string, unknown> },
): { readonly problems: readonly string[]; readonly nodes: readonly Node[]; readonly installedBytes: number } {
  const folder = mkdtempSync(join(tmpdir(), "minicpmv-consumer-"));
  try {
    const home = join(folder, "app");
    const installed = npmInstall(home, tarball);
    if (!installed.ok) return { problems: [`it does not install: ${installed.tail}`], nodes: [], installedBytes: 0 };
    const modules = join(home, "node_modules");
    const installedBytes = diskBytes(modules);
    const nodes = supportedNodes(folder);
    const problems = [
      ...scriptsOnInstall(modules),
      ...(installedBytes > INSTALLED_LIMIT_BYTES ? [`installed it takes ${installedBytes} bytes`] : []),
      ...nodes.flatMap((node) => useProblems(home, node, manifest)),
      ...testProblems(join(modules, "minicpmv")),
      ...bundleProblems(home),
    ];
    return { problems, nodes, installedBytes };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the tests of the public API, the server's clients and the command line on the installed files; see vitest.config.ts. */
function testProblems(folder: string): readonly string[] {
  const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", "--project", "e2e", ...PACKAGE_TESTS], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, MINICPMV_PACKAGE: folder },
  });
  return status === 0 ? [] : ["tests fail on the installed files"];
}

/** Builds the example's page against the installed package, whose Node side must stay out of it. */
function bundleProblems(home: string): readonly string[] {
  cpSync(join(ROOT, "examples/vite"), join(home, "page"), { recursive: true });
  rmSync(join(home, "page/vite.config.ts"));
  const vite = JSON.stringify(pathToFileURL(join(ROOT, "node_modules/vite/dist/node/index.js")).href);
  const settings = { root: "page", configFile: false, logLevel: "error", worker: { format: "es" } };
  const script = `import { build } from ${vite};\nawait build(${JSON.stringify(settings)});\n`;
  writeFileSync(join(home, "build.js"), script);
  const built = run(process.execPath, ["build.js"], home);
  if (!built.ok) return [`Vite cannot bundle it: ${built.tail}`];
  const assets = join(home, "page/dist/assets");
  const withNode = readdirSync(assets).filter((name) => /["'`]node:/.test(readFileSync(join(assets, name), "utf8")));
  return withNode.map((name) => `a page built with it asks for Node's modules in ${name}`);
}

function useProblems(
  home: string,
  { binary, version }: Node,
  manifest: { readonly version?: string; readonly exports?: Record<string, unknown> },
): readonly string[] {
  const golden: { cases: { small: Recorded } } = JSON.parse(readFileSync(join(TINY_MODEL, "manifest.json"), "utf8"));
  const entries = Object.keys(manifest.exports ?? {}).filter((name) => !name.endsWith(".json"));
  writeFileSync(
    join(home, "smoke.js"),
    librarySmoke(
      entries.map((entry) => `minicpmv${entry.slice(1)}`),
      golden.cases.small,
    ),
  );
  const library = run(binary, ["smoke.js"], home, binary);
  const command = run("npx", ["--no-install", "minicpmv", "--version"], home, binary);
  const ask = ["run", join(TINY_MODEL, "small.png"), "Read.", "-m", TINY_MODEL, "--temp", "0", "-n", "4", "-t", "1"];
  const answer = run("npx", ["--no-install", "minicpmv", ...ask], home, binary);
  return [
    library.ok ? undefined : `on Node ${version} the library fails: ${library.tail}`,
    command.stdout.trim() === `minicpmv ${manifest.version}` ? undefined : `on Node ${version} npx: ${command.tail}`,
    answer.ok && answer.stdout.trim() !== "" ? undefined : `on Node ${version} minicpmv run fails: ${answer.tail}`,
  ].filter((problem) => problem !== undefined);
}
