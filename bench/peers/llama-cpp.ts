// llama.cpp as built for this machine, driven through its own tools. How to get it without a download of its own: the npm package
// node-llama-cpp carries the source as llama/gitRelease.bundle.
//   npm pack node-llama-cpp && tar xf node-llama-cpp-*.tgz && git clone package/llama/gitRelease.bundle llama.cpp
//   cmake -S llama.cpp -B build -DGGML_NATIVE=ON -DCMAKE_BUILD_TYPE=Release -DLLAMA_CURL=OFF
//   cmake --build build --target llama-bench llama-mtmd-cli llama-debug
// Then LLAMA_CPP_BIN=build/bin npm run bench -- peers
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { SyntheticPair } from "./synthetic-model.ts";

const execute = promisify(execFile);
// -v tells about every token of the vocabulary
const OUTPUT_BYTES = 2 ** 28;

/** Rates of one call of llama-bench, tokens a second. */
export interface LlamaRates {
  readonly prefill: number;
  readonly decode: number;
}

/** The tools in one folder. */
export class LlamaCpp {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Prefill of `tokens` and decode of `answer` tokens, each once after llama-bench's own warm-up. */
  async rates(pair: SyntheticPair, options: { tokens: number; answer: number; threads: number }): Promise<LlamaRates> {
    const { tokens, answer, threads } = options;
    const sizes = ["-p", `${tokens}`, "-n", `${answer}`, "-t", `${threads}`, "-r", "1"];
    const out = await this.#run("llama-bench", ["-m", pair.language, ...sizes, "-ngl", "0", "-o", "json"]);
    const rows = JSON.parse(out) as { readonly n_prompt: number; readonly avg_ts: number }[];
    const of = (isPrefill: boolean): number => rows.find((row) => row.n_prompt > 0 === isPrefill)?.avg_ts ?? Number.NaN;
    return { prefill: of(true), decode: of(false) };
  }

  /** Milliseconds to encode the one view of `picture`. Flash attention is off: on processors it is the slower way here. */
  async encodeMs(pair: SyntheticPair, picture: string, threads: number): Promise<number> {
    const files = ["-m", pair.language, "--mmproj", pair.projector, "--image", picture];
    const how = ["-t", `${threads}`, "-fa", "off", "-ngl", "0", "-n", "1", "-c", "1024", "-p", "?", "-v"];
    const out = await this.#run("llama-mtmd-cli", [...files, ...how]);
    const found = /(?:encoded|encoding done) in (\d+) ms/.exec(out);
    return found === null ? Number.NaN : Number(found[1]);
  }

  /** Logits of the token after `prompt`, and the prompt's ids as llama.cpp reads it. */
  async logits(
    pair: SyntheticPair,
    prompt: string,
  ): Promise<{ readonly ids: readonly number[]; logits: Float32Array }> {
    const folder = await mkdtemp(join(tmpdir(), "minicpmv-logits-"));
    try {
      const where = ["--save-logits", "--logits-output-dir", folder];
      await this.#run("llama-debug", ["-m", pair.language, "-p", prompt, "-ngl", "0", "-c", "1024", ...where]);
      const name = join(folder, `llamacpp-${basename(pair.language, ".gguf")}`);
      const [values, ids] = await Promise.all([readFile(`${name}.bin`), readFile(`${name}-tokens.bin`)]);
      const words = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
      return { ids: [...new Int32Array(words(ids))], logits: new Float32Array(words(values)) };
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  async #run(tool: string, args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await execute(join(this.#folder, tool), args, { maxBuffer: OUTPUT_BYTES });
    return tool === "llama-bench" ? stdout : stdout + stderr;
  }
}
