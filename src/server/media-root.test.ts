import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readMediaFile } from "./media-root.ts";

let base = "";
const root = () => ({ folder: join(base, "media"), maxBytes: 100 });

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "minicpmv-media-"));
  await mkdir(join(base, "media", "deep"), { recursive: true });
  await mkdir(join(base, "media-other"));
  await writeFile(join(base, "media", "deep", "a b.png"), "inside");
  await writeFile(join(base, "media", "large.png"), new Uint8Array(101));
  await writeFile(join(base, "secret"), "outside");
  await writeFile(join(base, "media-other", "twin"), "outside");
  await symlink(join(base, "secret"), join(base, "media", "link.png"));
  await symlink(base, join(base, "media", "up"));
  await symlink(join(base, "media", "deep"), join(base, "media", "within"));
});
afterAll(() => rm(base, { recursive: true }));

// catches a root that cannot be used as people write it
test("files under the root are read, by full path and from the root, through links that stay inside", async () => {
  for (const url of [
    pathToFileURL(join(base, "media", "deep", "a b.png")),
    new URL("file:///deep/a%20b.png"),
    new URL("file:///within/a%20b.png"),
  ]) {
    expect(new TextDecoder().decode(await readMediaFile(url, root(), "p"))).toBe("inside");
  }
});

// catches each known way out of a folder; the message must not tell which files exist elsewhere
test.each([
  "file:///../secret",
  "file:///deep/../../secret",
  "file:///%2e%2e/secret",
  "file:///deep/%2e%2e/%2e%2e/secret",
  "file:///..%2fsecret",
  "file:///%252e%252e/secret",
  "file:///link.png",
  "file:///up/secret",
  "file:///deep",
  "file:///deep/a%20b.png%00.png",
  "file://host/deep/a%20b.png",
  "file:///etc/passwd",
  "file:///nowhere",
])("%s is refused like a file that does not exist", async (url) => {
  await expect(readMediaFile(new URL(url), root(), "p")).rejects.toMatchObject({
    message: expect.stringMatching(/^The file is not a picture under the media root\./),
    details: { status: 400, code: "file_not_found", param: "p" },
  });
});

// catches a comparison by prefix that takes media-other for media
test("a folder whose name begins like the root's is outside", async () => {
  const url = pathToFileURL(join(base, "media-other", "twin"));
  await expect(readMediaFile(url, root(), "p")).rejects.toMatchObject({ details: { code: "file_not_found" } });
});

// catches a limit that is applied after the file was read into memory
test("a file over the limit is refused", async () => {
  await expect(readMediaFile(new URL("file:///large.png"), root(), "p")).rejects.toMatchObject({
    details: { code: "image_too_large" },
  });
});
