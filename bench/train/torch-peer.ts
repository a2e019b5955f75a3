import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BenchCase } from "../../scripts/bench-lib.ts";

const SCRIPT = join(import.meta.dirname, "../../reference/train-step.py");

/** The same step in PyTorch: a process that takes one for every line. `python` has torch installed. */
export async function torchCase(
  python: string,
  {
    mode,
    threads,
    name,
    work,
    error,
  }: Pick<BenchCase, "name" | "threads" | "work" | "error"> & { mode: "eager" | "compiled" },
): Promise<BenchCase & Disposable> {
  const child = spawn(python, [SCRIPT, mode, String(threads)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`PyTorch (${mode}) ended without an answer.`);
    return value;
  };
  await answer();
  return {
    name,
    path: `PyTorch ${mode}`,
    threads,
    unit: "GFLOP/s",
    work,
    error,
    run: async () => {
      child.stdin.write("step\n");
      await answer();
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}
