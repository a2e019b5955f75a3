import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { AxeBuilder } from "@axe-core/playwright";
import { type BrowserContext, chromium, type Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { load } from "../../../src/chat/load.ts";
import { encodePng } from "../../../src/image/png/encode-png.ts";
import { rgbImage } from "../../../src/image/rgb-image.ts";
import { CHROMIUM_ARGUMENTS, findChromium } from "../../browser/harness/chromium.ts";
import { GOLDEN, PAIR, type Site, startSite } from "./site.ts";

const browser = findChromium();
const missing = "missing" in browser ? browser.missing : undefined;
const SHOTS = process.env.SHOTS; // a folder to look at what the page looked like
const QUESTION = "What is the total?";
const WAIT_MS = 30_000;
const LARGE = 1400;
const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

let site: Site;
let profile = "";
let context: BrowserContext;
let page: Page;
const foreign: string[] = [];
const problems: string[] = [];

beforeAll(async () => {
  if (missing !== undefined) return;
  site = await startSite();
  profile = await mkdtemp(join(tmpdir(), "minicpmv-page-"));
  context = await launch(profile);
  page = await visit(context);
}, 90_000);
afterAll(async () => {
  await context?.close();
  await site?.[Symbol.asyncDispose]();
  if (profile !== "") await rm(profile, { recursive: true });
});

const play = test.skipIf(missing !== undefined);
const note = missing === undefined ? "" : ` (${missing})`;

// catches a page that does not start on a static host, one that asks other origins, and an answer unlike the library's
play(`a first visit: the embedded model answers about a picture as in Node${note}`, async () => {
  expect(await page.evaluate(() => globalThis.crossOriginIsolated), "isolated by the service worker").toBe(true);
  await page.getByLabel("Pictures to ask about").setInputFiles(`${GOLDEN}landscape.png`);
  await page.getByText(/views \(overview and \d+ × \d+\), \d+ tokens/).waitFor();
  await shoot("views");
  await page.evaluate(watchLongTasks);
  await ask(QUESTION);
  const answer = page.getByRole("article", { name: "Answer" });
  await answer.getByText(/First word .* words\/s/).waitFor();
  await shoot("answer");
  if (SHOTS !== undefined)
    console.log("long tasks in ms", await page.evaluate(() => Reflect.get(globalThis, "longTasks")));
  await using model = await load(`${GOLDEN}model.safetensors`);
  const picture = await readFile(`${GOLDEN}landscape.png`);
  const { text } = await model.complete([{ role: "user", content: [picture, QUESTION] }]);
  await answer.getByRole("button", { name: "Copy text" }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(text);
  expect(foreign).toEqual([]);
});

// catches a conversation that forgets, an answer that cannot be stopped, and one that is lost when stopped
play("going on talking, and stopping", async () => {
  // large and new, so that looking at it takes longer than finding the button
  const random = seededRandom(1);
  const pixels = Uint8Array.from({ length: LARGE * LARGE * 3 }, () => random.next() * 256);
  const buffer = Buffer.from(await encodePng(rgbImage(LARGE, LARGE, pixels)));
  await page.getByLabel("Pictures to ask about").setInputFiles({ name: "large.png", mimeType: "image/png", buffer });
  await page.getByText(/10 views \(overview/).waitFor();
  await ask("And the date?");
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped.").waitFor();
  expect(await page.getByRole("article", { name: "You" }).count()).toBe(2);
  await page.getByRole("button", { name: "Ask", exact: true }).waitFor();
});

// catches a page that needs its host after the first visit, and chats that are gone after a reload or cannot be deleted
play("offline after the first visit: reload, ask again, delete the chat", async () => {
  await context.setOffline(true);
  await page.reload();
  await ready(page);
  await ask("Offline?");
  await page.getByText(/First word/).waitFor();
  await page.getByText("Chats", { exact: true }).click();
  await page.getByRole("button", { name: QUESTION, exact: true }).waitFor();
  await page.getByRole("button", { name: `Delete the chat ${QUESTION}` }).click();
  await page.getByRole("button", { name: QUESTION, exact: true }).waitFor({ state: "detached" });
  await page.getByText("Chats", { exact: true }).click();
  await context.setOffline(false);
});

// catches a broken file that is sent to the model, or refused without a word
play("what is not a picture is refused in words", async () => {
  const picker = page.getByLabel("Pictures to ask about");
  await picker.setInputFiles({ name: "a.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await page.getByRole("alert").getByText("This picture cannot be read here.").waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await picker.setInputFiles({ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("text") });
  await page.getByRole("alert").getByText("That file is not a picture.").waitFor();
  await page.getByRole("button", { name: "Dismiss" }).click();
  expect(await page.getByText("Remove picture").count()).toBe(0);
});

// catches a kept answer whose boxes cannot be tapped, and Markdown that brings scripts, pictures or links onto the page
play("a kept chat: tap a value and see where it was read", async () => {
  const picture = [...(await readFile(`${GOLDEN}landscape.png`))];
  await page.evaluate(keepChat, {
    picture,
    answer:
      "The **total** is <ref>42.00</ref><box>100 600 400 900</box>.\n\n<img src=x onerror=alert(1)>[site](https://example.org)<script>alert(1)</script>",
  });
  await page.reload();
  await ready(page);
  await page.getByText("Chats", { exact: true }).click();
  await page.getByRole("button", { name: "Receipt", exact: true }).click();
  await page.getByRole("button", { name: "42.00" }).click();
  await page.getByAltText("The picture with the place of 42.00").waitFor();
  expect(
    await page.locator("rect.place").evaluate((rect) => [rect.getAttribute("x"), rect.getAttribute("height")]),
  ).toEqual(["0.1", String(0.9 - 0.6)]);
  await until(() => page.locator("rect.place").evaluate((rect) => rect.getBoundingClientRect().bottom < innerHeight));
  await shoot("place");
  const answer = page.locator(".markdown");
  expect(await answer.locator("strong").textContent()).toBe("total");
  expect(await answer.locator("img, a, script").count()).toBe(0);
  await page.getByRole("button", { name: "Copy JSON" }).click();
  expect(JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))).toHaveProperty("answer");
});

// catches a file picker whose files are read in the page's own thread or mixed up
play("a local pair of GGUF files is opened and answers", async () => {
  await page.locator(".model").click();
  await page.getByLabel("Language model (.gguf)").setInputFiles(PAIR.language);
  await page.getByLabel("Vision tower (mmproj .gguf)").setInputFiles(PAIR.vision);
  await page.getByRole("button", { name: "Use these files" }).click();
  await ready(page);
  await newChat();
  await ask("aa");
  await page.getByText(/First word/).waitFor();
});

// catches a download that begins unasked, cannot be paused, starts anew, or is offered without having come whole
play("a hub model: offer, cut, resume, check, use, remove", async () => {
  site.stallOnce();
  await page.locator(".model").click();
  await page.getByLabel("Repository").fill("/hub/tiny/model.json");
  await page.getByRole("button", { name: "Look it up" }).click();
  await page.getByText(/needs 1\.6 MB; this device offers .* Licence: apache-2\.0/).waitFor();
  await shoot("hub");
  await page.getByRole("button", { name: "Agree and fetch" }).click();
  await page.getByText(/mmproj-model-f16\.gguf: /).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("What has come is kept").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("button", { name: "Agree and fetch" }).click();
  await page.getByText("It is on this device now.").waitFor();
  await page.getByRole("button", { name: "Check local/tiny" }).click();
  await page.getByText("Every byte is right.").waitFor();
  await page.getByRole("button", { name: "Use local/tiny" }).click();
  await ready(page);
  await page.locator(".model").click();
  await page.getByRole("button", { name: "Remove local/tiny" }).click();
  await page.getByText("None fetched yet.").waitFor();
});

// catches a repository without a vision tower that is fetched whole and then fails
play("a hub model without a projector is refused in words", async () => {
  await page.getByLabel("Repository").fill("/hub/blind/model.json");
  await page.getByRole("button", { name: "Look it up" }).click();
  await page.getByText(/has no vision tower/).waitFor();
  await page.getByRole("button", { name: "Close" }).click();
});

// catches a page that breaks at the smallest size, a camera that does not give a picture, and unreadable colours
play("on a phone, dark and light: a photograph, and no serious accessibility violations", async () => {
  await page.setViewportSize({ width: 360, height: 640 });
  await newChat();
  await page.getByRole("button", { name: "Camera" }).click();
  await until(() => page.evaluate(() => (document.querySelector("video")?.videoWidth ?? 0) > 0));
  await page.getByRole("button", { name: "Take it" }).click();
  await page.getByText(/views? .*tokens/).waitFor();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await shoot(`phone-${colorScheme}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await expectAccessible();
    await page.locator(".model").click();
    await shoot(`phone-models-${colorScheme}`);
    await expectAccessible();
    await page.getByRole("button", { name: "Close" }).click();
  }
});

// catches a page that needs threads: browsers without service workers, and hosts without headers, get none
play("without isolation the engine runs on one thread", async () => {
  const executablePath = "path" in browser ? browser.path : undefined;
  const alone = await chromium.launch({ executablePath, args: [...CHROMIUM_ARGUMENTS] });
  const opened = await alone.newPage({ serviceWorkers: "block" });
  opened.setDefaultTimeout(WAIT_MS);
  await opened.goto(`${site.server.url}/`);
  await opened.getByRole("button", { name: "MiniCPM-V 2.6, 1 thread" }).waitFor();
  expect(await opened.evaluate(() => globalThis.crossOriginIsolated)).toBe(false);
  await opened.getByLabel("Your question").fill("aa");
  await opened.getByRole("button", { name: "Ask", exact: true }).click();
  await opened.getByText(/First word/).waitFor();
  await alone.close();
});

// catches a measurement that does not finish, or that leaves out what makes it comparable
play("/bench measures this device and copies the result", async () => {
  await page.goto(`${site.server.url}/bench/`);
  await page.getByRole("button", { name: "Measure" }).click();
  await page.getByText("Done.").waitFor();
  await shoot("bench");
  await page.getByRole("button", { name: "Copy as JSON" }).click();
  const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
  expect(copied).toMatchObject({ model: "MiniCPM-V 2.6", views: 1, isIsolated: true });
  expect(copied.decodeTokensPerSecond).toBeGreaterThan(0);
  await expectAccessible();
});

// catches an element that needs the page's framework, or styles and scripts that a strict policy stops
play("the element answers in a page without a framework", async () => {
  await page.setViewportSize({ width: 900, height: 800 });
  await page.goto(`${site.server.url}/element/`);
  await page.getByLabel("Picture", { exact: true }).setInputFiles(`${GOLDEN}small.png`);
  await page.getByLabel("Question").fill("aa");
  const answered = page.evaluate(
    () =>
      new Promise((resolve) =>
        document.addEventListener("answer", (event) => resolve(Reflect.get(event, "detail").text), { once: true }),
      ),
  );
  await page.getByRole("button", { name: "Ask" }).click();
  const text = await answered;
  expect(text).not.toBe("");
  expect(await page.locator("minicpm-v output").evaluate((output) => output.textContent)).toBe(text);
  await expectAccessible();
});

// catches errors that are swallowed, policies that are broken, and a page that grows
play("no error was written, nothing was asked elsewhere, and the page's code is small", () => {
  expect(problems).toEqual([]);
  expect(foreign).toEqual([]);
  const code = [...site.files].filter(
    ([path]) => /\.(js|css|html)$/.test(path) && !/engine-worker|web-worker/.test(path),
  );
  const bytes = code.reduce((sum, [, content]) => sum + gzipSync(content).length, 0);
  expect(bytes).toBeLessThan(150_000);
});

/** Runs in the page: notes its tasks of more than 50 ms. */
function watchLongTasks(): void {
  const found: number[] = [];
  Reflect.set(globalThis, "longTasks", found);
  new PerformanceObserver((list) => found.push(...list.getEntries().map(({ duration }) => duration))).observe({
    type: "longtask",
  });
}

/** Runs in the page: puts a chat where the page keeps its own. */
function keepChat({ picture, answer }: { readonly picture: number[]; readonly answer: string }): Promise<void> {
  const blob = new Blob([new Uint8Array(picture)], { type: "image/png" });
  const turns = [
    { role: "user", text: "What is the total?", pictures: [blob] },
    { role: "assistant", text: answer, pictures: [] },
  ];
  return new Promise((resolve) => {
    const opening = indexedDB.open("minicpmv");
    opening.onsuccess = () => {
      const store = opening.result.transaction("chats", "readwrite").objectStore("chats");
      store.put({ id: "kept", title: "Receipt", changedMs: 1, turns }).onsuccess = () => resolve();
    };
  });
}

async function launch(folder: string): Promise<BrowserContext> {
  const executablePath = "path" in browser ? browser.path : undefined;
  const launched = await chromium.launchPersistentContext(folder, {
    executablePath,
    args: [...CHROMIUM_ARGUMENTS, ...CAMERA],
    viewport: { width: 900, height: 800 },
    permissions: ["clipboard-read", "clipboard-write", "camera"],
  });
  launched.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== new URL(site.server.url).origin) foreign.push(request.url());
  });
  return launched;
}

async function visit(where: BrowserContext): Promise<Page> {
  const opened = await where.newPage();
  opened.setDefaultTimeout(WAIT_MS);
  opened.on("console", (message) => {
    // the context is switched off line on purpose, and a stalled download is cut
    if (message.type() === "error" && !/ERR_INTERNET_DISCONNECTED/.test(message.text())) problems.push(message.text());
  });
  opened.on("pageerror", (error) => problems.push(String(error)));
  await opened.goto(`${site.server.url}/`);
  // the first visit reloads once; asked from outside, because the page's policy lets nothing be evaluated inside
  await until(() => opened.evaluate(() => globalThis.crossOriginIsolated));
  await ready(opened);
  return opened;
}

/** Asks again until it holds; the test's own time limit is the end. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds().catch(() => false)));
}

async function ready(where: Page): Promise<void> {
  await where.getByRole("button", { name: /MiniCPM-V 2\.6, \d+ threads?/ }).waitFor();
}

async function ask(text: string): Promise<void> {
  await page.getByLabel("Your question").fill(text);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
}

async function newChat(): Promise<void> {
  await page.getByText("Chats", { exact: true }).click();
  await page.getByRole("button", { name: "New chat" }).click();
}

async function expectAccessible(): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
}

async function shoot(name: string): Promise<void> {
  if (SHOTS !== undefined) await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}
