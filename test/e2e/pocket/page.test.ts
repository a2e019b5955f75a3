import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OUT_OF_SCOPE } from "../../../src/model/minicpmv/pocket-sentences.ts";
import { CHROMIUM_ARGUMENTS, findChromium } from "../../browser/harness/chromium.ts";
import { type Site, startSite } from "../web/site.ts";
import { standInPocket } from "./stand-in.ts";

const browser = findChromium();
const missing = "missing" in browser ? browser.missing : undefined;
const play = test.skipIf(missing !== undefined);
const note = missing === undefined ? "" : ` (${missing})`;
const TITLE = "pocket, the built-in reader of printed text";

let folder = "";
let profile = "";
let site: Site;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  if (missing !== undefined) return;
  folder = await standInPocket();
  site = await startSite(folder);
  profile = await mkdtemp(join(tmpdir(), "minicpmv-pocket-page-"));
  const executablePath = "path" in browser ? browser.path : undefined;
  context = await chromium.launchPersistentContext(profile, { executablePath, args: [...CHROMIUM_ARGUMENTS] });
  page = await context.newPage();
  await page.goto(`${site.server.url}/`);
}, 120_000);
afterAll(async () => {
  await context?.close();
  await site?.[Symbol.asyncDispose]();
  for (const each of [folder, profile]) if (each !== "") await rm(each, { recursive: true, force: true });
});

// would catch: a page that hides which model answers, or shows marks instead of a value that can be tapped
play(`the sample receipt is answered by pocket, by name, with place and confidence${note}`, async () => {
  await page.getByRole("button", { name: new RegExp(`${TITLE}, \\d+ threads?`) }).waitFor();
  await page.getByText("It is not MiniCPM-V;").waitFor();
  await page.getByRole("button", { name: "Ask for the total of a sample receipt" }).click();
  const answer = page.getByRole("article", { name: "Answer" });
  await answer.getByText(`Answered by ${TITLE}.`).waitFor();
  expect((await answer.locator(".markdown").textContent())?.trim()).toBe("7.5");
  await answer.getByRole("button", { name: /7\.5 · \d+ %/ }).click();
  await page.getByAltText("The picture with the place of 7.5").waitFor();
});

test.skipIf(missing !== undefined)("without a picture the page says the fixed sentence", async () => {
  await page.getByText("Chats", { exact: true }).click();
  await page.getByRole("button", { name: "New chat" }).click();
  await page.getByLabel("Your question").fill("How are you?");
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  await page.getByText(OUT_OF_SCOPE).waitFor();
});

// would catch: an embedded model, a table of confidences or a sample that is not kept for later visits
play("offline after the first visit: the sample is answered again", async () => {
  // the worker that keeps the files takes the page over in its first visit
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await context.setOffline(true);
  await page.reload();
  await page.getByRole("button", { name: "Ask for the total of a sample receipt" }).click();
  await page.getByText(`Answered by ${TITLE}.`).waitFor();
  await context.setOffline(false);
});
