import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const ROOT = import.meta.dirname;
const PACKAGE = resolve(ROOT, "../..");
/** The embedded model: a folder with weights. Another one can be named, as the tests do. */
const MODEL = resolve(PACKAGE, process.env.MINICPMV_EMBEDDED ?? "models/pocket");
const MODEL_FILES = /\.(gguf|safetensors)$|^(config|tokenizer|tokenizer_config|preprocessor_config|calibration)\.json$/;

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The picture that a first visitor can ask about. */
const SAMPLE = resolve(PACKAGE, "examples/receipt.png");

interface EmbeddedFile {
  readonly name: string;
  readonly sizeBytes: number;
}

function embeddedFiles(): readonly EmbeddedFile[] {
  if (!existsSync(MODEL)) return [];
  const names = readdirSync(MODEL).filter((name) => MODEL_FILES.test(name) && !name.startsWith("taps"));
  const hasWeights = names.some((name) => /\.(gguf|safetensors)$/.test(name));
  return hasWeights ? names.map((name) => ({ name, sizeBytes: statSync(join(MODEL, name)).size })) : [];
}

/** Puts the embedded model beside the page, with a list that says what is there. */
function embeddedModel(): Plugin {
  const list = (): string => JSON.stringify({ files: embeddedFiles() });
  return {
    name: "embedded-model",
    configureServer(server) {
      server.middlewares.use("/sample.png", (_, response) => response.end(readFileSync(SAMPLE)));
      server.middlewares.use("/model/", (request, response, next) => {
        const name = (request.url ?? "").slice(1).split("?")[0] ?? "";
        if (name === "index.json") response.end(list());
        else if (embeddedFiles().some((file) => file.name === name)) response.end(readFileSync(join(MODEL, name)));
        else next();
      });
    },
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "sample.png", source: readFileSync(SAMPLE) });
      this.emitFile({ type: "asset", fileName: "model/index.json", source: list() });
      for (const { name } of embeddedFiles()) {
        this.emitFile({ type: "asset", fileName: `model/${name}`, source: readFileSync(join(MODEL, name)) });
      }
    },
  };
}

/** Writes into the service worker which files make up this build, so that all of them are there offline. */
function offlineFiles(): Plugin {
  return {
    name: "offline-files",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const worker = bundle["service-worker.js"];
        if (worker?.type !== "chunk") return;
        const names = Object.keys(bundle).filter((name) => name !== "service-worker.js");
        const files = ["./", "bench/", "element/", "icon.svg", "manifest.webmanifest", ...names].filter(
          (name) => !name.endsWith("index.html"),
        );
        worker.code = worker.code.replace(/(["'`])__OFFLINE_FILES__\1/, () => JSON.stringify(JSON.stringify(files)));
      },
    },
  };
}

/**
 * The package finds out where it runs; a page never takes the way to Node, and its files must not be followed there. Nor
 * are the built-in model's files bundled: they lie in model/, where another one can be put.
 */
function withoutNode(): Plugin {
  const STUBS: Readonly<Record<string, string>> = {
    "\0node-platform": "export const nodePlatform = undefined;",
    "\0embedded-files": "export const EMBEDDED_FILES = undefined;",
  };
  return {
    name: "without-node",
    enforce: "pre",
    resolveId: (id) => {
      const name = /\/(node-platform|embedded-files)\.[jt]s$/.exec(id)?.[1];
      return name === undefined ? undefined : `\0${name}`;
    },
    load: (id) => STUBS[id],
  };
}

export default defineConfig({
  root: ROOT,
  base: "./",
  appType: "mpa",
  resolve: {
    // the published entry points, read from their sources
    alias: [
      { find: /^minicpmv$/, replacement: resolve(PACKAGE, "src/index.ts") },
      { find: /^minicpmv\/(web)$/, replacement: `${resolve(PACKAGE, "src")}/$1.ts` },
    ],
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [withoutNode(), embeddedModel(), offlineFiles()],
  worker: { format: "es", plugins: () => [withoutNode()] },
  server: { headers: ISOLATION },
  preview: { headers: ISOLATION },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: {
        main: resolve(ROOT, "index.html"),
        bench: resolve(ROOT, "bench/index.html"),
        element: resolve(ROOT, "element/index.html"),
        "service-worker": resolve(ROOT, "src/service-worker.ts"),
      },
      output: {
        entryFileNames: (chunk) => (chunk.name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js"),
      },
    },
  },
});
