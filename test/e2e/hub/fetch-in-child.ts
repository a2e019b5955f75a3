/** Fetches one file and tells its parent how it ended. The parent may kill it at any time. */
import { MiniCpmError } from "../../../src/base/errors.ts";
import type { BlobRequest } from "../../../src/io/hub/download-blob.ts";
import { downloadBlob } from "../../../src/io/hub/download-blob.ts";
import { folderStore } from "../../../src/io/node/folder-store.ts";
import { everySecond } from "./every-second.ts";
import { testHttp } from "./test-http.ts";

interface Job extends Omit<BlobRequest, "mirrors" | "transform"> {
  readonly isTransformed: boolean;
  readonly url: string;
  readonly folder: string;
  readonly idleTimeoutMs: number;
}

const job: Job = JSON.parse(process.argv[2] ?? "{}");
try {
  const http = testHttp({ idleTimeoutMs: job.idleTimeoutMs });
  const transform = job.isTransformed ? everySecond : undefined;
  const request = { ...job, mirrors: [async () => job.url], transform };
  await downloadBlob({ http, store: folderStore(job.folder) }, request);
} catch (error) {
  process.send?.({ code: error instanceof MiniCpmError ? error.code : "untyped", text: String(error) });
}
