import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MiniCpmError } from "../../../src/base/errors.ts";
import { type Random, seededRandom } from "../../../src/base/random.ts";
import { type BlobRequest, downloadBlob } from "../../../src/io/hub/download-blob.ts";
import { folderStore } from "../../../src/io/node/folder-store.ts";
import { everySecond, everySecondOf } from "./every-second.ts";
import { type Fault, type FaultServer, startFaultServer } from "./fault-server.ts";
import { testHttp } from "./test-http.ts";

export interface KillReport {
  /** Fetches that were really cut off: one that ended by itself before its moment came does not count. */
  readonly kills: number;
  readonly runs: number;
  readonly files: number;
  /** Error code → how often a run ended with it. */
  readonly errors: Readonly<Record<string, number>>;
  /** What went wrong; empty when the claim holds. */
  readonly failures: readonly string[];
}

/** Stops a running fetch. In process: an abort. The long test passes one that kills a child process. */
export type RunUntilKilled = (run: KillRun) => Promise<unknown>;

export interface KillRun {
  readonly server: FaultServer;
  readonly folder: string;
  readonly request: BlobRequest;
  readonly idleTimeoutMs: number;
  /** Kill when the server has sent this many more bytes. */
  readonly killAfterBytes: number;
}

const KILLED: ReadonlySet<string> = new Set(["E_ABORTED", "SIGKILL"]);
const STATUSES = [416, 429, 503];

/**
 * Fetches files from a misbehaving server and kills each fetch at random offsets, until `killCount` kills have happened.
 * After every kill: a blob that shows under its key has the published sum. After a file's last kill, an honest server: the file ends right.
 */
export async function killRounds(killCount: number, seed: number, runUntilKilled: RunUntilKilled): Promise<KillReport> {
  const random = seededRandom(seed);
  const errors: Record<string, number> = {};
  const failures: string[] = [];
  let kills = 0;
  let runs = 0;
  let files = 0;
  for (; kills < killCount; files++) {
    const file = Uint8Array.from({ length: 50_000 + random.below(250_000) }, () => random.below(256));
    const hex = createHash("sha256").update(file).digest("hex");
    const folder = await mkdtemp(join(tmpdir(), "minicpmv-kill-"));
    let isHonest = false;
    const server = await startFaultServer({
      files: new Map([["/file", file]]),
      faults: () => (isHonest ? { kind: "none" } : randomFault(random)),
    });
    const url = `${server.url}/file`;
    const digest = { algorithm: "sha256", hex } as const;
    const plain = { name: "file", key: hex, mirrors: [async () => url], sizeBytes: file.length, digest };
    // Every other file is rewritten on its way, which resumes by checkpoints instead of by reading again.
    const isPlain = files % 2 === 0;
    const request = isPlain ? plain : { ...plain, key: `${hex}.half`, transform: everySecond };
    const stored = isPlain ? hex : createHash("sha256").update(everySecondOf(file)).digest("hex");
    const place = { path: join(folder, request.key), sha256: stored };
    try {
      const runsOfFile = 1 + random.below(8);
      for (let i = 0; i < runsOfFile; i++) {
        const killAfterBytes = random.below(file.length);
        runs += 1;
        const error = await runUntilKilled({ server, folder, request, idleTimeoutMs: 100, killAfterBytes });
        if (error !== undefined) noteError(error, errors, failures, `seed ${seed}, run ${runs}`);
        if (error instanceof MiniCpmError && KILLED.has(error.code)) kills += 1;
        await checkCache(place, failures, `seed ${seed}, after run ${runs}`);
      }
      isHonest = true;
      server.onSent = undefined;
      // A run that came to its end under faults leaves a finished file; then this is a look into the cache.
      await downloadBlob({ http: testHttp(), store: folderStore(folder) }, request);
      await checkCache(place, failures, `seed ${seed}, file ${files} at its end`, true);
    } catch (error) {
      failures.push(`seed ${seed}, file ${files}: honest server, and yet ${String(error)}`);
    } finally {
      await server.close();
      await rm(folder, { recursive: true });
    }
  }
  return { kills, runs, files, errors, failures };
}

/** Runs the fetch in this process and aborts it. Gives back the error it ended with. */
export const abortInProcess: RunUntilKilled = async ({ server, folder, request, idleTimeoutMs, killAfterBytes }) => {
  const abort = new AbortController();
  let startBytes: number | undefined;
  server.onSent = (bytes) => {
    startBytes ??= bytes;
    if (bytes - startBytes >= killAfterBytes) abort.abort();
  };
  const http = testHttp({ idleTimeoutMs });
  return downloadBlob({ http, store: folderStore(folder), signal: abort.signal }, request).then(
    () => undefined,
    (error: unknown) => error,
  );
};

function randomFault(random: Random): Fault {
  const kind = random.below(14);
  if (kind < 4) return { kind: "none" };
  if (kind < 6) return { kind: "drop", at: random.next() };
  if (kind === 6) return { kind: "stall", at: random.next() };
  if (kind === 7) return { kind: "wrong byte", at: random.next() };
  if (kind < 10) return { kind: "status", status: STATUSES[random.below(STATUSES.length)], retryAfter: "0" };
  const rest = ["ignore range", "wrong range", "longer total", "short body", "not HTTP"] as const;
  return { kind: rest[random.below(rest.length)] };
}

function noteError(error: unknown, errors: Record<string, number>, failures: string[], where: string): void {
  if (!(error instanceof MiniCpmError)) failures.push(`${where}: an error without a type: ${String(error)}`);
  const code = error instanceof MiniCpmError ? error.code : "untyped";
  errors[code] = (errors[code] ?? 0) + 1;
}

interface Place {
  readonly path: string;
  readonly sha256: string;
}

async function checkCache(
  { path, sha256 }: Place,
  failures: string[],
  where: string,
  mustExist = false,
): Promise<void> {
  const bytes = await readFile(path).catch(() => undefined);
  if (!bytes) {
    if (mustExist) failures.push(`${where}: the file is missing`);
    return;
  }
  const actual = createHash("sha256").update(bytes).digest("hex");
  if (actual !== sha256) failures.push(`${where}: the cache is poisoned`);
}
