import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// Threads share memory only in a page that asks for isolation. Without these headers the model runs on one thread.
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  // only here, beside the library's sources: a project that has installed minicpmv needs no alias
  resolve: { alias: { minicpmv: fileURLToPath(new URL("../../src/index.ts", import.meta.url)) } },
  worker: { format: "es" },
  server: { headers },
  preview: { headers },
});
