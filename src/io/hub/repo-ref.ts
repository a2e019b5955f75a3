import { ArgumentError } from "../../base/errors.ts";

/** A model repository and what is wanted of it. */
export interface RepoRef {
  /** "owner/name". */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Quantisation such as "Q4_K_M" or a file name ending in ".gguf"; undefined leaves the choice to us. */
  readonly variant: string | undefined;
}

const SEGMENT = "[A-Za-z0-9][A-Za-z0-9._-]*";
const REF = new RegExp(`^(?:hf:)?(${SEGMENT}/${SEGMENT}?)(?::([^@]+))?(?:@(.+))?$`);
const PAGE = new RegExp(
  `^https?://(?:www\\.)?(?:huggingface\\.co|hf\\.co|hf-mirror\\.com)/(${SEGMENT}/${SEGMENT})(?:/(?:tree|blob|resolve)/([^/]+)(?:/(.+))?)?/?$`,
);

/** Reads "owner/name[:Q4_K_M][@revision]" or the address of a model's page or file. Throws ArgumentError. */
export function parseRepoRef(text: string): RepoRef {
  const page = PAGE.exec(text);
  if (page) return checked({ repo: page[1], revision: page[2] ?? "main", variant: page[3] }, text);
  const match = REF.exec(text);
  if (!match) {
    throw new ArgumentError(
      `"${text}" is not a model repository.`,
      "Write owner/name, with :Q4_K_M for a quantisation and @revision for a revision, or give a path to a file.",
    );
  }
  return checked({ repo: match[1], revision: match[3] ?? "main", variant: match[2] }, text);
}

/** True for text that can only be meant as a repository, so that a command can tell it from a path. */
export function looksLikeRepoRef(text: string): boolean {
  if (PAGE.test(text) || text.startsWith("hf:")) return true;
  return REF.test(text) && !/\.(gguf|safetensors|json)$/i.test(text.replace(/[:@].*$/, ""));
}

/** Paths of a repository and revisions become paths on this disk: none may lead out of its folder. */
export function isSafePath(path: string): boolean {
  const isPlain = [...path].every((letter) => letter >= " " && letter !== "\\" && letter !== ":");
  return isPlain && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function checked(ref: RepoRef, text: string): RepoRef {
  if (isSafePath(ref.revision) && (ref.variant === undefined || isSafePath(ref.variant))) return ref;
  throw new ArgumentError(`"${text}" has a revision or file that leads out of the repository.`, "Use its plain name.");
}
