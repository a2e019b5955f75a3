import { execFile } from "node:child_process";
import { chmod, copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright";
import { build, preview } from "vite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { load } from "../../../src/chat/load.ts";
import { CHROMIUM_ARGUMENTS, findChromium } from "../../browser/harness/chromium.ts";
import { tinyFolder } from "../chat/tiny-model.ts";
import { startTinyServer } from "../server/tiny-server.ts";

const EXAMPLES = fileURLToPath(new URL("../../../examples", import.meta.url));
const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
const MODEL = tinyFolder("v2.6");
const PICTURE = `${MODEL}/small.png`;
const QUESTION = "What does the picture show?";
const GREEDY = { temperature: 0, maxNewTokens: 32 };
const run = promisify(execFile);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "minicpmv-examples-"));
  // what a doctor found on this machine chooses kernels, and pages know nothing of it
  vi.stubEnv("XDG_CACHE_HOME", folder);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

// catches a client that the server no longer understands, and an example that the client has moved away from
test("the OpenAI client prints what the server's model answers", async () => {
  await using served = await startTinyServer();
  const { stdout } = await run(process.execPath, [join(EXAMPLES, "openai/client.ts"), `${served.url}/v1`, PICTURE]);
  expect(stdout.trim().length).toBeGreaterThan(0);
});

// catches notes on stdout, a failure that looks like an answer, and a pipe that loses the picture
test.skipIf(process.platform === "win32")("the shell pipeline reads a folder, one line a picture", async () => {
  const command = join(folder, "minicpmv");
  await writeFile(command, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  await chmod(command, 0o755);
  await copyFile(PICTURE, join(folder, "a.png"));
  await writeFile(join(folder, "b.png"), "not a picture");
  const { stdout } = await run(join(EXAMPLES, "shell/read-folder.sh"), [MODEL, folder], {
    env: { ...process.env, PATH: [folder, process.env.PATH].join(delimiter) },
  });
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
  expect(lines.map(([name]) => name).toSorted()).toEqual(["a.png", "b.png"]);
  const byName = Object.fromEntries(lines);
  expect(byName["b.png"]).toBe("unreadable");
  expect(JSON.parse(byName["a.png"])).toEqual({ total: expect.any(Number), paid: expect.any(Boolean) });
});

const browser = findChromium();
const missing = "missing" in browser ? ` (${browser.missing})` : "";

// catches a bundle in which workers or kernels cannot be found, and a page that answers otherwise than Node
test.skipIf(missing !== "")(`the Vite page answers from two chosen files as Node does${missing}`, async () => {
  const configFile = join(EXAMPLES, "vite/vite.config.ts");
  const outDir = join(folder, "page");
  await build({ configFile, logLevel: "error", build: { outDir } });
  const server = await preview({ configFile, logLevel: "error", build: { outDir }, preview: { port: 0 } });
  const host = await chromium.launch({
    ...("path" in browser ? { executablePath: browser.path } : {}),
    args: CHROMIUM_ARGUMENTS,
  });
  try {
    const page = await host.newPage();
    await page.goto(server.resolvedUrls?.local[0] ?? "");
    expect(await page.evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
    const pair = { language: `${MODEL}/gguf/model-f16.gguf`, vision: `${MODEL}/gguf/mmproj-model-f16.gguf` };
    await page.locator("[name=language]").setInputFiles(pair.language);
    await page.locator("[name=vision]").setInputFiles(pair.vision);
    await page.locator("[name=picture]").setInputFiles(PICTURE);
    await page.getByRole("button", { name: "Ask" }).click();
    await page.locator("output[data-state]").waitFor();
    await using model = await load(pair);
    const { text } = await model.complete([{ role: "user", content: [{ image: PICTURE }, QUESTION] }], GREEDY);
    expect(await page.locator("output").evaluate((output: HTMLOutputElement) => output.value)).toBe(text);
  } finally {
    await host.close();
    await server.close();
  }
});
