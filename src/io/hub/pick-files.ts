import type { ByteSource } from "../byte-source.ts";
import { HubError } from "../errors.ts";
import type { RepoFile } from "./listing.ts";

/** What a GGUF header says of the file: `architecture` is its general.architecture. Injected, since io knows no formats. */
export type InspectGguf = (source: ByteSource, signal?: AbortSignal) => Promise<{ readonly architecture: string }>;

/** The files that make up a model. */
export type ModelFiles<F = RepoFile> =
  | { readonly kind: "gguf"; readonly language: readonly F[]; readonly projector: F | undefined }
  | { readonly kind: "safetensors"; readonly files: readonly F[] };

export interface PickOptions {
  /** Quantisation or file name; undefined takes Q4_K_M or what comes nearest. */
  readonly variant: string | undefined;
  /** What holds the files, for messages; "The repository" by default. */
  readonly place?: string;
  readonly open: (file: PathAndSize) => Promise<ByteSource>;
  readonly inspect: InspectGguf;
  readonly signal?: AbortSignal;
}

export interface PathAndSize {
  readonly path: string;
  readonly sizeBytes: number;
}

const THE_REPOSITORY = "The repository";

/** Which quantisation to take when none is asked for: the balance most publishers recommend comes first. */
const PREFERENCE = ["Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0", "Q3_K_M", "BF16", "F16", "F32"];

// general.architecture of a vision tower with its resampler.
const PROJECTOR_ARCHITECTURE = "clip";

/** Chooses the language model by quantisation and finds its vision part by the header, not by the name. Throws HubError. */
export async function pickFiles<F extends PathAndSize>(
  files: readonly F[],
  options: PickOptions,
): Promise<ModelFiles<F>> {
  const ggufs = files.filter(({ path }) => /\.gguf$/i.test(path));
  if (ggufs.length === 0) return pickCheckpoint(files, options.place);
  const headers = new HeaderReader(options);
  const language = await pickLanguage(ggufs, options, headers);
  const others = ggufs.filter((file) => !language.includes(file) && (shardOf(file.path)?.index ?? 1) === 1);
  let projector: F | undefined;
  for (const file of others.sort(byProjectorGuess)) {
    if ((await headers.architecture(file)) !== PROJECTOR_ARCHITECTURE) continue;
    projector = file;
    break;
  }
  return { kind: "gguf", language, projector };
}

/** The quantisation that a file name tells, in capitals. */
export function quantisationOf(path: string): string | undefined {
  const stem = path.replace(/^.*\//, "").replace(/(-\d{5}-of-\d{5})?\.gguf$/i, "");
  const match = /(?:^|[-_.])(I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4|BF16|F16|F32)$/i.exec(stem);
  return match?.[1].toUpperCase();
}

function pickCheckpoint<F extends PathAndSize>(files: readonly F[], place = THE_REPOSITORY): ModelFiles<F> {
  if (!files.some(({ path }) => /\.safetensors$/i.test(path))) {
    const hint = "Name the folder or repository of a MiniCPM-V model, such as openbmb/MiniCPM-V-4.6-gguf.";
    throw new HubError(`${place} has neither GGUF nor safetensors files.`, hint);
  }
  // Top level only: deeper folders hold exports for other engines.
  const wanted = /^[^/]+\.(safetensors|json|model|jinja|txt)$/i;
  return { kind: "safetensors", files: files.filter(({ path }) => wanted.test(path)) };
}

async function pickLanguage<F extends PathAndSize>(
  ggufs: readonly F[],
  options: PickOptions,
  headers: HeaderReader,
): Promise<F[]> {
  const candidates = candidatesFor(ggufs, options.variant);
  const found: F[] = [];
  for (const file of candidates) {
    if ((await headers.architecture(file)) !== PROJECTOR_ARCHITECTURE) found.push(file);
    // Twins under two names have one size; asking their headers again would cost a request each.
    if (found.length > 0 && candidates.every(({ sizeBytes }) => sizeBytes === found[0].sizeBytes)) break;
  }
  const distinct = found.filter((file, i) => found.findIndex(({ sizeBytes }) => sizeBytes === file.sizeBytes) === i);
  if (distinct.length === 1) return withShards(distinct[0], ggufs);
  const names = ggufs.map(({ path }) => path).join(", ");
  const problem = distinct.length === 0 ? "No language model" : "More than one language model";
  throw new HubError(
    `${problem} fits "${options.variant ?? PREFERENCE[0]}".`,
    `${options.place ?? THE_REPOSITORY} has: ${names}.`,
  );
}

function candidatesFor<F extends PathAndSize>(ggufs: readonly F[], variant: string | undefined): F[] {
  const heads = ggufs.filter(({ path }) => (shardOf(path)?.index ?? 1) === 1);
  if (variant !== undefined && /\.gguf$/i.test(variant)) return heads.filter(({ path }) => path === variant);
  if (variant !== undefined) return heads.filter(({ path }) => quantisationOf(path) === variant.toUpperCase());
  // A name that says it is the projector must not decide which quantisation the repository has; its header still may.
  const models = heads.filter(({ path }) => !/mmproj/i.test(path));
  for (const quantisation of PREFERENCE) {
    const fits = models.filter(({ path }) => quantisationOf(path) === quantisation);
    if (fits.length > 0) return fits;
  }
  return models.length > 0 ? models : heads;
}

function withShards<F extends PathAndSize>(head: F, ggufs: readonly F[]): F[] {
  const shard = shardOf(head.path);
  if (!shard) return [head];
  const shards = ggufs.filter(({ path }) => {
    const other = shardOf(path);
    return other?.stem === shard.stem && other.count === shard.count;
  });
  shards.sort((a, b) => (a.path < b.path ? -1 : 1));
  if (shards.length === shard.count) return shards;
  throw new HubError(`${head.path} has ${shards.length} of ${shard.count} parts.`, "The repository is incomplete.");
}

function shardOf(path: string): { stem: string; index: number; count: number } | undefined {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i.exec(path);
  return match ? { stem: match[1], index: Number(match[2]), count: Number(match[3]) } : undefined;
}

/** Only an order to look in, so that the first header read is usually the right one. */
function byProjectorGuess(a: PathAndSize, b: PathAndSize): number {
  const guess = ({ path }: PathAndSize): number =>
    (/mmproj|clip|vision/i.test(path) ? 0 : 10) + (/f16/i.test(path) ? 0 : 1);
  return guess(a) - guess(b) || a.sizeBytes - b.sizeBytes;
}

/** Reads each header once. */
class HeaderReader {
  readonly #options: PickOptions;
  readonly #known = new Map<string, string>();

  constructor(options: PickOptions) {
    this.#options = options;
  }

  async architecture(file: PathAndSize): Promise<string> {
    const known = this.#known.get(file.path);
    if (known !== undefined) return known;
    const { open, inspect, signal } = this.#options;
    const source = await open(file);
    try {
      const { architecture } = await inspect(source, signal);
      this.#known.set(file.path, architecture);
      return architecture;
    } finally {
      await source.close();
    }
  }
}
