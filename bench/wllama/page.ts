// The page in which either engine runs the same work on the same files.
import { seededRandom } from "../../src/base/random.ts";
import { type BenchPage, type EngineTask, type PageRates, type PageWork, PLAIN_LETTERS } from "./work.ts";

interface Timings {
  readonly cache_n: number;
  readonly prompt_n: number;
  readonly prompt_ms: number;
  readonly predicted_n: number;
  readonly predicted_ms: number;
}

/** What of wllama 3.8.1 is called. */
interface Wllama {
  loadModel(files: readonly Blob[], options: object): Promise<void>;
  createCompletion(options: object): Promise<{ readonly timings?: Timings }>;
  getNumThreads(): number;
  exit(): Promise<void>;
}

interface WllamaModule {
  readonly Wllama: {
    new (paths: { readonly default: string }, options: object): Wllama;
    getLibllamaVersion(): string;
  };
}

const CONTEXT = 1024;
/** Of wllama, whose code is compiled ahead: only its memory has to be touched. */
const WARM_UP = { promptTokens: 8, answerTokens: 2 };
/** Token that answers consist of: random weights would choose lone bytes, which wllama cannot put into its JSON. */
const LETTER_A = 97;
const silent = { debug: () => {}, log: () => {}, warn: () => {}, error: console.error };

async function measureWllama(file: Blob, work: PageWork): Promise<PageRates> {
  const address = "/wllama/index.js";
  const module: WllamaModule = await import(address);
  const engine = new module.Wllama({ default: "/wllama/wasm/wllama.wasm" }, { logger: silent });
  await engine.loadModel([file], { n_ctx: CONTEXT, n_threads: work.threads, n_gpu_layers: 0, n_parallel: 1 });
  const random = seededRandom(work.seed);
  const rates = { prefill: [] as number[], decode: [] as number[] };
  for (let sample = 0; sample <= work.samples; sample++) {
    // a new first letter each time, so that nothing of the last prompt is in the cache
    const promptTokens = sample === 0 ? WARM_UP.promptTokens : work.promptTokens;
    const answerTokens = sample === 0 ? WARM_UP.answerTokens : work.answerTokens;
    const letters = Array.from({ length: promptTokens - 1 }, () => PLAIN_LETTERS[random.below(PLAIN_LETTERS.length)]);
    const prompt = PLAIN_LETTERS[sample % PLAIN_LETTERS.length] + letters.join("");
    // one more than is timed: the first token comes with the prompt
    const max_tokens = answerTokens + 1;
    const greedy = { temperature: 0, ignore_eos: true, logit_bias: [[LETTER_A, 1000]] };
    const { timings } = await engine.createCompletion({ prompt, max_tokens, ...greedy });
    if (timings === undefined || timings.prompt_n !== promptTokens || timings.predicted_n !== max_tokens) {
      throw new Error(`wllama did other work than was asked: ${JSON.stringify(timings)}`);
    }
    if (sample === 0) continue;
    rates.prefill.push((timings.prompt_n * 1000) / timings.prompt_ms);
    rates.decode.push((work.answerTokens * 1000) / timings.predicted_ms);
  }
  const description = `wllama 3.8.1, llama.cpp ${module.Wllama.getLibllamaVersion()}, ${engine.getNumThreads()} threads`;
  await engine.exit();
  return { ...rates, description };
}

function measureOwn(task: EngineTask): Promise<PageRates> {
  const worker = new Worker(new URL("./engine-worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<PageRates | { readonly error: string }>) => {
      if ("error" in data) reject(new Error(data.error));
      else resolve(data);
    });
    worker.addEventListener("error", ({ message }) => reject(new Error(`worker: ${message}`)));
    worker.postMessage(task);
  });
}

const page: BenchPage = {
  measure: (work) => {
    const chosen = document.querySelector("input")?.files ?? [];
    const [language, vision] = chosen;
    if (!crossOriginIsolated) throw new Error("the page is not cross-origin isolated");
    return work.engine === "own" ? measureOwn({ work, language, vision }) : measureWllama(language, work);
  },
};
Object.assign(globalThis, { benchPage: page });
