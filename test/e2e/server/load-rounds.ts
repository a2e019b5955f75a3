import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Random, seededRandom } from "../../../src/base/random.ts";
import { encodePng } from "../../../src/image/png/encode-png.ts";
import { rgbImage } from "../../../src/image/rgb-image.ts";
import { chatBody, post } from "./tiny-server.ts";

const CHILD = fileURLToPath(new URL("./serve-in-child.ts", import.meta.url));

export interface LoadOptions {
  readonly clients: number;
  readonly seed: number;
  /** When to stop: after a time, or after so many requests. */
  readonly seconds?: number;
  readonly requests?: number;
}

export interface LoadResult {
  readonly clients: number;
  readonly requests: number;
  /** Whole answers. */
  readonly answered: number;
  /** Refused with 429 and a time to come back. */
  readonly refused: number;
  /** Left by the client on purpose. */
  readonly left: number;
  /** Mistakes that were answered as such. */
  readonly corrected: number;
  /** What was neither: each is a fault of the server. */
  readonly lost: readonly string[];
  readonly firstTokenP50Ms: number;
  readonly firstTokenP95Ms: number;
  readonly tokensPerSecond: number;
  /** Seconds until the picture cache was full; undefined where it never was. */
  readonly fullAfterSeconds: number | undefined;
  /** Median resident memory of the first and of the last fifth of the time after warming up. */
  readonly warmMiB: number;
  readonly endMiB: number;
}

interface Tally {
  requests: number;
  answered: number;
  refused: number;
  left: number;
  corrected: number;
  tokens: number;
  readonly lost: string[];
  readonly firstTokenMs: number[];
}

type Act = "stream" | "whole" | "leave" | "bad json" | "huge picture" | "cut picture";

const RETRY_MS = 200;

/** Shares of what a client does, in percent. */
const ACTS: readonly (readonly [Act, number])[] = [
  ["stream", 60],
  ["whole", 15],
  ["leave", 10],
  ["bad json", 5],
  ["huge picture", 5],
  ["cut picture", 5],
];

/**
 * Memory is compared from the moment on when the server is warm: the cache of encoded pictures has reached its budget, and
 * at least this share of the time is over, so that code is compiled and V8's young generation has its size.
 */
const WARM_SHARE = 0.3;
const SAMPLE_MS = 1000;
/** Different pictures that clients send: more than the cache holds. */
const PICTURE_COUNT = 400;
const PICTURE_SIDE = 56;

/** Runs clients of every kind against a server in another process. */
export async function loadRounds(options: LoadOptions): Promise<LoadResult> {
  const { clients, seed, seconds = Number.POSITIVE_INFINITY, requests = Number.POSITIVE_INFINITY } = options;
  const child = fork(CHILD, [], { stdio: "inherit" });
  const [{ url }] = (await once(child, "message")) as [{ url: string }];
  const pictures = await differentPictures(seed);
  const tally: Tally = {
    requests: 0,
    answered: 0,
    refused: 0,
    left: 0,
    corrected: 0,
    tokens: 0,
    lost: [],
    firstTokenMs: [],
  };
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const samples: Sample[] = [];
  let isOver = false;
  const watch = async (): Promise<void> => {
    while (!isOver) {
      samples.push({ seconds: (performance.now() - startMs) / 1000, ...(await gauges(url)) });
      await setTimeout(SAMPLE_MS);
    }
  };
  const client = async (random: Random): Promise<void> => {
    while (performance.now() < endMs && tally.requests < requests) await act({ url, pictures, random, tally });
  };
  const watching = watch();
  await Promise.all(Array.from({ length: clients }, (_, i) => client(seededRandom(seed + i))));
  const tookSeconds = (performance.now() - startMs) / 1000;
  isOver = true;
  await watching;
  const exited = once(child, "exit");
  child.send("stop");
  await exited;
  const { tokens, firstTokenMs, ...counts } = tally;
  firstTokenMs.sort((a, b) => a - b);
  return {
    clients,
    ...counts,
    firstTokenP50Ms: quantile(firstTokenMs, 0.5),
    firstTokenP95Ms: quantile(firstTokenMs, 0.95),
    tokensPerSecond: tokens / tookSeconds,
    ...growthOf(samples, tookSeconds),
  };
}

interface Gauges {
  readonly memoryMiB: number;
  readonly isFull: boolean;
}

interface Sample extends Gauges {
  readonly seconds: number;
}

function growthOf(
  samples: readonly Sample[],
  tookSeconds: number,
): Pick<LoadResult, "fullAfterSeconds" | "warmMiB" | "endMiB"> {
  const full = samples.find(({ isFull }) => isFull)?.seconds;
  const warm = samples.filter(({ seconds }) => seconds >= Math.max(full ?? 0, WARM_SHARE * tookSeconds));
  const fifth = Math.max(1, Math.floor(warm.length / 5));
  const median = (some: readonly Sample[]): number =>
    quantile(
      some.map(({ memoryMiB }) => memoryMiB).sort((a, b) => a - b),
      0.5,
    );
  return { fullAfterSeconds: full, warmMiB: median(warm.slice(0, fifth)), endMiB: median(warm.slice(-fifth)) };
}

/** Gray noise, each of its own. */
function differentPictures(seed: number): Promise<readonly Uint8Array[]> {
  const random = seededRandom(seed);
  const side = PICTURE_SIDE;
  return Promise.all(
    Array.from({ length: PICTURE_COUNT }, () =>
      encodePng(
        rgbImage(
          side,
          side,
          Uint8Array.from({ length: side * side * 3 }, () => 64 * random.next()),
        ),
      ),
    ),
  );
}

interface Scene {
  readonly url: string;
  readonly pictures: readonly Uint8Array[];
  readonly random: Random;
  readonly tally: Tally;
}

async function act(scene: Scene): Promise<void> {
  const { url, random, tally } = scene;
  const what = chosen(random);
  tally.requests += 1;
  const leaving = new AbortController();
  try {
    const reply = await post(url, bodyOf(what, scene), leaving.signal);
    if (reply.status === 429 && reply.headers.get("retry-after") !== null) {
      await reply.text();
      tally.refused += 1;
      await setTimeout(RETRY_MS); // as told to, in small
    } else if (what === "bad json" || what === "huge picture" || what === "cut picture") {
      const text = await reply.text();
      // who waited long for a turn has a stream already, and finds the error in it
      const isTold = reply.status === 400 || text.trimEnd().endsWith("[DONE]");
      if (isTold && /"code":"(invalid|image)_/.test(text)) tally.corrected += 1;
      else tally.lost.push(`${what}: ${reply.status} ${text.slice(-200)}`);
    } else if (what === "whole") await readWhole(reply, tally);
    else await readStream(reply, { tally, random, leave: what === "leave" ? () => leaving.abort() : undefined });
  } catch (error) {
    if (leaving.signal.aborted) tally.left += 1;
    else tally.lost.push(`${what}: ${error instanceof Error ? error.message : error}`);
  }
}

function chosen(random: Random): Act {
  let at = random.next() * 100;
  for (const [what, share] of ACTS) {
    at -= share;
    if (at < 0) return what;
  }
  return "stream";
}

function bodyOf(what: Act, { pictures, random }: Scene): string {
  if (what === "bad json") return '{"messages": [';
  const tokens = 8 + Math.floor(random.next() * 56);
  const text = "ab ".repeat(1 + Math.floor(random.next() * 20));
  const isPlain = (what === "stream" || what === "whole" || what === "leave") && random.next() < 0.5;
  const stream = what !== "whole";
  if (isPlain) return chatBody(text, tokens, { stream, ignore_eos: true });
  const bytes = new Uint8Array(pictures[Math.floor(random.next() * pictures.length)]);
  if (what === "huge picture") new DataView(bytes.buffer).setUint32(16, 60_000);
  const sent = what === "cut picture" ? bytes.subarray(0, bytes.length >> 1) : bytes;
  const image_url = { url: `data:image/png;base64,${Buffer.from(sent).toString("base64")}` };
  const content = [
    { type: "image_url", image_url },
    { type: "text", text },
  ];
  return chatBody("", tokens, { stream, ignore_eos: true, messages: [{ role: "user", content }] });
}

async function readWhole(reply: Response, tally: Tally): Promise<void> {
  const body = await reply.json();
  if (reply.status === 200 && body.choices[0].finish_reason === "length") {
    tally.answered += 1;
    tally.tokens += body.usage.completion_tokens;
  } else tally.lost.push(`whole: ${reply.status} ${JSON.stringify(body).slice(0, 200)}`);
}

async function readStream(
  reply: Response,
  {
    tally,
    random,
    leave,
  }: { readonly tally: Tally; readonly random: Random; readonly leave: (() => void) | undefined },
): Promise<void> {
  const patience = Math.floor(random.next() * 10);
  let text = "";
  let pieces = 0;
  for await (const piece of reply.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    pieces += 1;
    if (pieces > patience) leave?.();
  }
  const timings = /"timings":(\{[^}]*\})/.exec(text)?.[1];
  if (reply.status === 200 && text.trimEnd().endsWith("[DONE]") && timings !== undefined) {
    const { predicted_n: tokens, first_token_ms: firstMs } = JSON.parse(timings);
    tally.answered += 1;
    tally.tokens += tokens;
    tally.firstTokenMs.push(firstMs);
  } else tally.lost.push(`stream: ${reply.status} ${text.slice(-200)}`);
}

async function gauges(url: string): Promise<Gauges> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const read = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
  const [kept, most] = [read("minicpmv_picture_cache_bytes"), read("minicpmv_picture_cache_limit_bytes")];
  // a picture more would not fit
  const isFull = kept > most - 2 ** 17;
  return { memoryMiB: read("process_resident_memory_bytes") / 2 ** 20, isFull };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
