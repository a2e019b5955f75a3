import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LoadOptions, load } from "../../chat/load.ts";
import type { Message } from "../../chat/message.ts";
import type { Model } from "../../chat/model.ts";
import type { ByteSource } from "../../io/byte-source.ts";
import { readHubEnvironment } from "../../io/node/hub-environment.ts";
import { nodePlatform } from "../../runtime/node/node-platform.ts";
import { noteTowerPath, type TowerPath } from "../../runtime/tower-note.ts";
import type { RepackCost } from "../../runtime/upload-part.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { EXIT, UsageError } from "../errors.ts";
import { loadOptions, MODEL_FLAGS } from "../model-flags.ts";
import { nmse } from "../nmse.ts";
import { testPictures } from "../test-pictures.ts";
import { formatBytes, table } from "../units.ts";

/** `minicpmv doctor -m MODEL` */
export const doctorCommand: Command = {
  name: "doctor",
  summary: "Checks a model on this machine: known answers, and the fast path against the float path.",
  usage: "-m MODEL",
  flags: {
    ...MODEL_FLAGS,
    fresh: { type: "boolean", help: "check again although a report of these files is kept" },
    json: { type: "boolean", help: "print the report as JSON" },
  },
  examples: ["minicpmv doctor -m openbmb/MiniCPM-V-4.6-gguf", "minicpmv doctor -m model.gguf --json > report.json"],
  run,
};

const GREEDY = { temperature: 0, repetitionPenalty: 1, maxNewTokens: 16, ignoresStopTokens: true } as const;
/** Error of the fast path's logits beyond which it is not to be trusted. */
const LIMIT = 0.05;
const HASH_CHUNK_BYTES = 2 ** 24;
/** Rises when a report says something new, so that no older one is shown in its place. */
const REPORT_VERSION = 2;
/** Matrices of the tower that the printed report names; all are in the JSON. */
const SHOWN_MATRICES = 5;

/** Greedy answers that the authors' own tests expect. */
const KNOWN_ANSWERS: Readonly<Record<string, { readonly question: string; readonly start: string }>> = {
  "4.6": {
    question: "Who are you?",
    start: "I'm a model from the MiniCPM series, developed by Modelbest and OpenBMB.",
  },
};

interface Comparison {
  readonly picture: string;
  /** Normalised mean squared error of the first token's logits. */
  readonly nmse: number;
  /** Greedy tokens that agree before the first difference. */
  readonly equalTokens: number;
  readonly tokens: number;
}

interface Report {
  readonly model: string;
  readonly version: string;
  readonly sha256: Readonly<Record<string, string>>;
  readonly backend: string;
  readonly node: string;
  readonly comparisons: readonly Comparison[];
  /** The same with the tower in 8 bit. */
  readonly towerComparisons: readonly Comparison[];
  /** What 8 bits cost each matrix of the tower. */
  readonly towerMatrices: readonly RepackCost[];
  /** What the tower will run on from now on. */
  readonly towerPath: TowerPath;
  readonly knownAnswer: { readonly expected: string; readonly found: string; readonly isRight: boolean } | undefined;
  readonly isFastPathSound: boolean;
  readonly isSound: boolean;
}

async function run(args: Arguments, context: CommandContext): Promise<number> {
  const { terminal, env } = context;
  const reference = args.text("model") ?? args.positionals[0] ?? env.MINICPMV_MODEL;
  if (reference === undefined) throw new UsageError("No model is named.", "minicpmv doctor -m MODEL");
  const sha256 = await hashes(reference, args, context);
  const path = await reportPath(sha256, context);
  const kept = args.has("fresh") ? undefined : await readFile(path, "utf8").catch(() => undefined);
  const report: Report = kept === undefined ? await check(reference, sha256, args, context) : JSON.parse(kept);
  if (kept === undefined) {
    await mkdir(join(path, ".."), { recursive: true });
    await writeFile(path, JSON.stringify(report));
  }
  if (args.has("json")) terminal.out(`${JSON.stringify(report, null, 2)}\n`);
  else show(report, context);
  return report.isSound ? EXIT.done : EXIT.failed;
}

async function hashes(reference: string, args: Arguments, { terminal, signal }: CommandContext) {
  const platform = nodePlatform();
  const { language, vision } = await platform.locate(reference, {
    vision: args.text("mmproj"),
    isOffline: args.has("offline"),
  });
  const sums: Record<string, string> = {};
  for (const [role, where] of Object.entries({ language, vision })) {
    if (where === undefined) continue;
    const source = await platform.open(where);
    sums[role] = await hashOf(source, (done) =>
      terminal.progress(`Reading ${source.name}: ${formatBytes(done)} of ${formatBytes(source.sizeBytes)}`),
    );
    await source.close();
    signal.throwIfAborted();
  }
  return sums;
}

async function hashOf(source: ByteSource, onProgress: (doneBytes: number) => void): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < source.sizeBytes; at += HASH_CHUNK_BYTES) {
    hash.update(await source.read(at, Math.min(HASH_CHUNK_BYTES, source.sizeBytes - at)));
    onProgress(at);
  }
  return hash.digest("hex");
}

async function reportPath(sha256: Readonly<Record<string, string>>, { env }: CommandContext): Promise<string> {
  const { derivedFolder } = await readHubEnvironment(env);
  const key = createHash("sha256")
    .update(JSON.stringify([REPORT_VERSION, sha256, process.version, process.arch]))
    .digest("hex");
  return join(derivedFolder, "doctor", `${key}.json`);
}

/** What one path answers to the test pictures. */
interface Answers {
  readonly logits: readonly Float32Array[];
  readonly tokens: readonly (readonly number[])[];
  readonly title: string;
  readonly version: string;
  readonly backend: string;
  readonly knownAnswer: Report["knownAnswer"];
  readonly towerMatrices: readonly RepackCost[];
}

async function check(
  reference: string,
  sha256: Readonly<Record<string, string>>,
  args: Arguments,
  context: CommandContext,
): Promise<Report> {
  const options = loadOptions(args, context);
  // one after another: three models at once would need three times the memory
  const exact = await measure("float path", { reference, options: { ...options, kernels: "generic" }, context });
  const fast = await measure("fast path", { reference, options: { ...options, tower: "float" }, context });
  const small = await measure("8-bit tower", { reference, options: { ...options, tower: "int8" }, context });
  const [comparisons, towerComparisons] = [compare(fast, exact), compare(small, exact)];
  const isFastPathSound = isSound(comparisons);
  const towerPath = isSound(towerComparisons) ? "int8" : "float";
  const platform = nodePlatform();
  await noteTowerPath(platform, await platform.locate(reference, options), towerPath);
  const { knownAnswer } = exact;
  return {
    model: exact.title,
    version: exact.version,
    sha256,
    backend: exact.backend,
    node: process.version,
    comparisons,
    towerComparisons,
    towerMatrices: small.towerMatrices,
    towerPath,
    knownAnswer,
    isFastPathSound,
    isSound: isFastPathSound && (knownAnswer?.isRight ?? true),
  };
}

/** Opens the model on one path, asks it everything and gives it back. */
async function measure(
  label: string,
  request: { readonly reference: string; readonly options: LoadOptions; readonly context: CommandContext },
): Promise<Answers> {
  const { reference, options, context } = request;
  await using model = await load(reference, options);
  return {
    ...(await answers(model, label, context)),
    title: model.title,
    version: model.runtime.description.version,
    backend: model.runtime.backend.info.description,
    knownAnswer: options.kernels === "generic" ? await askKnown(model, context) : undefined,
    towerMatrices: options.tower === "int8" ? await model.runtime.towerRepackCosts(context.signal) : [],
  };
}

function compare(found: Answers, exact: Answers): Comparison[] {
  return testPictures().map(({ name }, i) => ({
    picture: name,
    nmse: nmse(found.logits[i], exact.logits[i]),
    equalTokens: commonLength(found.tokens[i], exact.tokens[i]),
    tokens: exact.tokens[i].length,
  }));
}

function isSound(comparisons: readonly Comparison[]): boolean {
  return comparisons.every((each) => each.nmse <= LIMIT && each.equalTokens > 0);
}

async function answers(
  model: Model,
  label: string,
  { terminal, signal }: CommandContext,
): Promise<Pick<Answers, "logits" | "tokens">> {
  const logits: Float32Array[] = [];
  const tokens: (readonly number[])[] = [];
  for (const { name, image } of testPictures()) {
    terminal.progress(`${label}: ${name}`);
    const messages: readonly Message[] = [{ role: "user", content: [image, "Describe this picture."] }];
    logits.push(await model.logits(messages, { signal }));
    const answer = await model.complete(messages, { ...GREEDY, signal });
    tokens.push(answer.tokens.map(({ id }) => id));
  }
  return { logits, tokens };
}

async function askKnown(model: Model, { signal }: CommandContext): Promise<Report["knownAnswer"]> {
  const known = KNOWN_ANSWERS[model.runtime.description.version];
  if (known === undefined) return undefined;
  const messages: readonly Message[] = [{ role: "user", content: known.question }];
  const { text } = await model.complete(messages, { ...GREEDY, maxNewTokens: 48, ignoresStopTokens: false, signal });
  return { expected: known.start, found: text, isRight: text.startsWith(known.start) };
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((id, i) => id !== b[i]);
  return at < 0 ? a.length : at;
}

function show(report: Report, { terminal }: CommandContext): void {
  const rows = [...report.comparisons, ...report.towerComparisons].map((each, i) => [
    i < report.comparisons.length ? "fast" : "fast, 8-bit tower",
    each.picture,
    each.nmse.toExponential(2),
    `${each.equalTokens} of ${each.tokens}`,
  ]);
  const verdict = (isGood: boolean, good: string, bad: string): string =>
    isGood ? terminal.paint("green", good) : terminal.paint("red", bad);
  terminal.out(`${report.model}, ${report.backend}\n`);
  terminal.out(`${table(["path", "picture", "error of logits", "equal tokens"], rows)}\n`);
  showTower(report.towerMatrices, terminal);
  terminal.out(
    `${verdict(report.isFastPathSound, "The fast path is sound.", "The fast path is off: use --kernels generic.")}\n`,
  );
  terminal.out(
    `${report.towerPath === "int8" ? "The tower will run in 8 bit" : "The tower stays on the float path"} on this device.\n`,
  );
  const { knownAnswer } = report;
  if (knownAnswer === undefined) terminal.out("No known answer is on record for this version.\n");
  else {
    terminal.out(`${verdict(knownAnswer.isRight, "The known answer came.", "The known answer did not come:")}\n`);
    if (!knownAnswer.isRight) terminal.out(`  expected ${knownAnswer.expected}\n  found    ${knownAnswer.found}\n`);
  }
}

/** The matrices of the tower that lose most, and how the others do. */
function showTower(matrices: readonly RepackCost[], terminal: CommandContext["terminal"]): void {
  if (matrices.length === 0) return;
  const worst = matrices.toSorted((a, b) => b.nmse - a.nmse);
  const median = worst[Math.floor(worst.length / 2)].nmse.toExponential(2);
  const rows = worst.slice(0, SHOWN_MATRICES).map(({ name, nmse: error }) => [name, error.toExponential(2)]);
  terminal.out(`In 8 bit the ${worst.length} matrices of the tower lose a share of ${median} (median); the worst:\n`);
  terminal.out(`${table(["matrix", "error"], rows)}\n`);
}
