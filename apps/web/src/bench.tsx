import { render } from "preact";
import { keepOffline } from "./offline.ts";
import { BenchPage } from "./page/bench-page.tsx";
import "./page/styles.css";

const root = document.getElementById("app");
if (root !== null) render(<BenchPage />, root);
// the page works without; the next visit tries again
keepOffline(new URL("../service-worker.js", location.href)).catch(() => undefined);
