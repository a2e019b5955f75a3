import { execFile } from "node:child_process";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { layOutGguf } from "../weights/gguf/write-header.ts";

const CHILD = join(import.meta.dirname, "testing/quantise-child.ts");
const [TENSORS, ROWS, WIDTH] = [2, 65_536, 1024];
const TENSOR_BYTES = ROWS * WIDTH * 2;

/** A file of float16 zeros whose tensors take no room on the disk. */
async function sparseFile(path: string): Promise<number> {
  const tensors = Array.from({ length: TENSORS }, (_, i) => ({
    name: `blk.${i}.attn_q.weight`,
    type: "F16" as const,
    shape: [ROWS, WIDTH],
  }));
  const { header, fileBytes } = layOutGguf(new Map(), tensors);
  const handle = await open(path, "wx");
  await handle.write(header);
  await handle.truncate(fileBytes);
  await handle.close();
  return fileBytes;
}

// would catch: a file, a tensor or all that was converted of it held in memory: the table of an 8B model alone takes a gigabyte
test("quantising takes less memory than one of its tensors of 128 MiB", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quantise-memory-"));
  try {
    const [input, output] = [join(folder, "in.gguf"), join(folder, "out.gguf")];
    expect(await sparseFile(input)).toBeGreaterThan(TENSORS * TENSOR_BYTES);
    const { stdout } = await promisify(execFile)(process.execPath, [CHILD, input, output, "Q8_0"]);
    expect((await stat(output)).size).toBeGreaterThan((TENSORS * TENSOR_BYTES) / 2);
    expect(Number(stdout)).toBeLessThan(TENSOR_BYTES);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
