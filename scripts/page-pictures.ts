/**
 * Pictures of the page for the README, from the built page with the model in models/pocket: node scripts/page-pictures.ts [FOLDER].
 * Writes web-receipt.png (the sample receipt answered, the total's place shown), web-phone.png (the same on a phone) and
 * web-refusal.png (a question beyond reading). MINICPMV_EMBEDDED names another model's folder.
 */
import { join } from "node:path";
import { chromium, type Page } from "playwright";
import { CHROMIUM_ARGUMENTS, findChromium } from "../test/browser/harness/chromium.ts";
import { startSite } from "../test/e2e/web/site.ts";

const ROOT = join(import.meta.dirname, "..");
const folder = process.argv[2] ?? join(ROOT, "docs/images");
const WAIT_MS = 120_000;

const found = findChromium();
if (!("path" in found)) throw new Error(found.missing);
await using site = await startSite(process.env.MINICPMV_EMBEDDED ?? join(ROOT, "models/pocket"));
const browser = await chromium.launch({ executablePath: found.path, args: [...CHROMIUM_ARGUMENTS] });

async function visit(width: number, height: number): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height } });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.goto(`${site.server.url}/`);
  await page.getByRole("button", { name: "Ask for the total of a sample receipt" }).waitFor();
  return page;
}

async function askSample(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Ask for the total of a sample receipt" }).click();
  await page.getByText(/Answered by pocket/).waitFor();
  const place = page.locator("fieldset.places button").first();
  // an answer without a place has nothing to tap
  if ((await place.count()) > 0) await place.click();
}

async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(folder, name) });
  console.log(join(folder, name));
}

try {
  const wide = await visit(760, 900);
  await askSample(wide);
  await shoot(wide, "web-receipt.png");
  const phone = await visit(360, 640);
  await askSample(phone);
  await shoot(phone, "web-phone.png");
  const other = await visit(760, 420);
  await other.getByLabel("Your question").fill("Write a poem.");
  await other.getByRole("button", { name: "Ask", exact: true }).click();
  await other.getByText(/Answered by pocket/).waitFor();
  await shoot(other, "web-refusal.png");
} finally {
  await browser.close();
}
