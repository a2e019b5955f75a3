import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readHubEnvironment } from "./hub-environment.ts";

let home = "";
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "minicpmv-env-"));
  await writeFile(join(home, "token"), "hf_stored\n");
});
afterAll(() => rm(home, { recursive: true }));

// The order in which other tools read these: a different one means a second copy of every model.
test("folders follow HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME", async () => {
  const folder = async (env: Record<string, string>): Promise<string> => (await readHubEnvironment(env)).cacheFolder;
  expect(await folder({ HF_HUB_CACHE: "/c", HF_HOME: "/h" })).toBe("/c");
  expect(await folder({ HF_HOME: "/h", XDG_CACHE_HOME: "/x" })).toBe(join("/h", "hub"));
  expect(await folder({ XDG_CACHE_HOME: "/x" })).toBe(join("/x", "huggingface", "hub"));
});

// A token sent to a storage host or a mirror of another name is a leaked token.
test("the token comes from the variable or the file, and goes to the endpoint's host alone", async () => {
  const stored = await readHubEnvironment({ HF_HOME: home, HF_ENDPOINT: "https://mirror.example/" });
  expect(stored.token).toBe("hf_stored");
  expect(stored.http.headers("https://mirror.example/api")).toMatchObject({ authorization: "Bearer hf_stored" });
  for (const url of ["https://huggingface.co/x", "http://mirror.example/x", "https://mirror.example.evil.org/x"]) {
    expect(stored.http.headers(url), url).not.toHaveProperty("authorization");
  }
  expect((await readHubEnvironment({ HF_HOME: home, HF_TOKEN: "hf_env" })).token).toBe("hf_env");
});

test("HF_HUB_OFFLINE is read as other tools read it", async () => {
  for (const value of ["1", "on", "YES", "True"]) {
    expect((await readHubEnvironment({ HF_HOME: home, HF_HUB_OFFLINE: value })).isOffline, value).toBe(true);
  }
  for (const value of ["", "0", "off", "no"]) {
    expect((await readHubEnvironment({ HF_HOME: home, HF_HUB_OFFLINE: value })).isOffline, value).toBe(false);
  }
});
