/**
 * The engine's parity cases in browsers that the tests do not drive: node test/long/other-browsers.ts [firefox] [webkit] [chromium].
 * Each opens one page, which runs the cases and reports them; what fails is printed. Debian: apt-get install firefox-esr,
 * webkit2gtk-driver (it brings MiniBrowser) and xvfb, because MiniBrowser has no headless mode.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { build } from "vite";
import { CHROMIUM_ARGUMENTS, findChromium, ISOLATION_HEADERS } from "../browser/harness/chromium.ts";
import type { Report } from "../browser/others/parity-page.ts";

const PAGE = join(import.meta.dirname, "../browser/others");
const MOST_MINUTES = 15;
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

/** How a browser is started on an address with a profile of its own; undefined where it is not installed. */
type Start = (address: string, profile: string) => ChildProcess | undefined;

const LIBRARIES = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/libexec"];
const MINI_BROWSERS = LIBRARIES.flatMap((folder) =>
  ["webkit2gtk-4.1", "webkit2gtk-4.0", "webkitgtk-6.0"].map((name) => join(folder, name, "MiniBrowser")),
);

const BROWSERS: Readonly<Record<string, Start>> = {
  firefox: (address, profile) => {
    const path = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find((each) => existsSync(each));
    const args = ["--headless", "--no-remote", "--profile", profile, address];
    return path === undefined ? undefined : spawn(path, args, { stdio: "ignore", detached: true });
  },
  webkit: (address, profile) => {
    const path = MINI_BROWSERS.find((each) => existsSync(each));
    if (path === undefined || !existsSync("/usr/bin/xvfb-run")) return undefined;
    const env = { ...process.env, HOME: profile, WEBKIT_DISABLE_COMPOSITING_MODE: "1", LIBGL_ALWAYS_SOFTWARE: "1" };
    return spawn("/usr/bin/xvfb-run", ["-a", path, address], { stdio: "ignore", detached: true, env });
  },
  chromium: (address, profile) => {
    const found = findChromium();
    const args = [...CHROMIUM_ARGUMENTS, "--headless=new", `--user-data-dir=${profile}`, address];
    return "path" in found ? spawn(found.path, args, { stdio: "ignore", detached: true }) : undefined;
  },
};

async function buildPage(outDir: string): Promise<ReadonlyMap<string, Buffer>> {
  await build({
    root: PAGE,
    configFile: false,
    logLevel: "error",
    base: "/",
    worker: { format: "es" },
    build: { outDir, emptyOutDir: true, target: "es2022", modulePreload: { polyfill: false }, minify: false },
  });
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(outDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(outDir.length).replace(/^\/index\.html$/, "/"), await readFile(path));
  }
  return files;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const piece of request) body += piece;
  return body;
}

/** Serves the page on loopback and hands on what it reports. */
async function serve(
  files: ReadonlyMap<string, Buffer>,
  onReport: (report: Report) => void,
): Promise<{ server: Server; address: string }> {
  const server = createServer(async (request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (path === "/report") {
      onReport(JSON.parse(await bodyOf(request)));
      response.end();
      return;
    }
    const file = files.get(path);
    const type = TYPES[extname(path === "/" ? "index.html" : path)] ?? "application/octet-stream";
    response.writeHead(file === undefined ? 404 : 200, { ...ISOLATION_HEADERS, "content-type": type });
    response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** Runs the cases in one browser; true when all passed. */
async function runIn(name: string, files: ReadonlyMap<string, Buffer>): Promise<boolean> {
  const profile = await mkdtemp(join(tmpdir(), `minicpmv-${name}-`));
  let report = (_: Report): void => {};
  const { server, address } = await serve(files, (each) => report(each));
  const browser = BROWSERS[name](address, profile);
  try {
    if (browser === undefined) {
      console.log(`${name}: not installed`);
      return false;
    }
    return await new Promise<boolean>((resolve) => {
      const overdue = setTimeout(() => {
        console.log(`${name}: no end within ${MOST_MINUTES} minutes`);
        resolve(false);
      }, MOST_MINUTES * 60_000);
      report = (each) => {
        console.log(`${name}: ${lineOf(each)}`);
        if (each.kind !== "end") return;
        clearTimeout(overdue);
        resolve(each.failed === 0);
      };
    });
  } finally {
    // the browser and its own processes are one group
    if (browser?.pid !== undefined) process.kill(-browser.pid, "SIGKILL");
    server.close();
    server.closeAllConnections();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function lineOf(report: Report): string {
  switch (report.kind) {
    case "start":
      return `${report.agent}, ${report.isIsolated ? "isolated" : "not isolated"}; ${report.backends.join("; ")}`;
    case "missing":
      return `no backend with ${report.backend}: ${report.problem}`;
    case "failed":
      return `FAILED ${report.op}, ${report.name}: ${report.problem}`;
    case "end":
      return `${report.passed} passed, ${report.failed} failed`;
  }
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => BROWSERS[name] === undefined);
if (unknown.length > 0)
  throw new Error(`Unknown browser ${unknown.join(", ")}; there are ${Object.keys(BROWSERS).join(", ")}.`);
const outDir = await mkdtemp(join(tmpdir(), "minicpmv-parity-page-"));
try {
  const files = await buildPage(outDir);
  for (const name of names.length > 0 ? names : ["firefox", "webkit"]) {
    if (!(await runIn(name, files))) process.exitCode = 1;
  }
} finally {
  await rm(outDir, { recursive: true, force: true });
}
