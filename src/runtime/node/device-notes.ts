import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, hostname } from "node:os";
import { join } from "node:path";
import { readHubEnvironment } from "../../io/node/hub-environment.ts";

/** What was found out about this device, kept in a small file of the cache folder. */
export async function recallNote(name: string): Promise<string | undefined> {
  return readFile(await notePath(name), "utf8").catch(() => undefined);
}

/** Keeps a note; a cache folder that cannot be written only means that it is found out again. */
export async function rememberNote(name: string, text: string): Promise<void> {
  const path = await notePath(name);
  const temporary = `${path}.${randomUUID()}`;
  try {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch {
    // a read-only home is no reason to fail
  }
}

async function notePath(name: string): Promise<string> {
  const { derivedFolder } = await readHubEnvironment(process.env);
  const device = [hostname(), cpus()[0]?.model ?? "", availableParallelism(), process.version].join(" ");
  const key = createHash("sha256").update(device).digest("hex").slice(0, 16);
  return join(derivedFolder, "devices", key, `${name}.txt`);
}
