// Runs a TypeScript script of this repository on a bare machine: `node scripts/bootstrap.mjs scripts/x.ts [arguments]`.
// The only file here that is not TypeScript, because Node 20 cannot run that and a fresh clone has no newer one yet.
// It installs the locked packages when they are missing or older than the lock, then hands over to the Node among them.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const wanted = 24; // first release that runs .ts files with no flag and has the relaxed SIMD that kernels want

function install() {
  if (existsSync(join(modules, ".package-lock.json")) && sameLock()) return;
  console.log("Installing the locked development packages with npm ci (about a minute, once).");
  const { status } = spawnSync("npm", ["ci", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (status !== 0) fail("npm ci did not finish. Check the network and the registry that npm is configured with.");
}

// mtimes lie after a checkout, so the versions are compared
function sameLock() {
  const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
  const have = read(join(modules, ".package-lock.json"));
  return Object.entries(read(join(root, "package-lock.json"))).every(
    ([path, entry]) =>
      path === "" || entry.optional === true || entry.peer === true || have[path]?.version === entry.version,
  );
}

function versionOf(binary) {
  const { stdout } = spawnSync(binary, ["--version"], { encoding: "utf8" });
  return Number(/^v(\d+)\./.exec(stdout ?? "")?.[1] ?? 0);
}

function newNode() {
  const isWindows = process.platform === "win32";
  const prefix = process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
  const carrier = `${prefix}-${isWindows ? "win" : process.platform}-${process.arch}`;
  const names = isWindows ? ["node/bin/node.exe", `${carrier}/bin/node.exe`] : [".bin/node", `${carrier}/bin/node`];
  const candidates = [...names.map((name) => join(modules, name)), process.execPath];
  const found = candidates.find((binary) => existsSync(binary) && versionOf(binary) >= wanted);
  if (found !== undefined) return found;
  return fail(
    `No Node ${wanted} was found: npm probably ran with install scripts switched off, and the "node" package then has no binary.\n` +
      `Either run \`npm rebuild node\`, or \`npm install --no-save ${carrier}@${wanted}\` (its binary needs no script), or use Node ${wanted} yourself.`,
  );
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

install();
const [script, ...rest] = process.argv.slice(2);
const path = [join(modules, ".bin"), process.env.PATH].join(delimiter);
const { status } = spawnSync(newNode(), [script, ...rest], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, PATH: path },
});
process.exit(status ?? 1);
