import { readFileSync } from "node:fs";
import { GlobalFonts } from "@napi-rs/canvas";
import { packageFile } from "./packages.ts";
import { chance, pick, type Random } from "./random.ts";
import type { Split } from "./types.ts";

export type FontRole = "print" | "mono" | "hand";

/** One family as probed by probe-fonts.ts. */
export interface FontFamily {
  /** Package name below @fontsource. */
  readonly name: string;
  readonly licence: string;
  readonly category: string;
  readonly role: FontRole;
  /** Lower case looks like capitals: print upper-case text only. */
  readonly caps: boolean;
  /** Has Central European letters in a second file. */
  readonly extended: boolean;
  /** Latin-1 and typographic characters the family lacks. */
  readonly missing: string;
  /** "weight-style" of the Latin files. */
  readonly faces: readonly string[];
  /** Other scripts with a regular face. */
  readonly scripts: readonly string[];
}

/** A family in one weight and style, ready for `context.font`. */
export interface Face {
  readonly family: FontFamily;
  readonly face: string;
  /** Value for the family part of a CSS font. */
  readonly css: string;
}

const families = readJson<FontFamily[]>("fonts.json");
const byName = new Map(families.map((family) => [family.name, family]));
const splitNames = readJson<{ fonts: Record<Split, string[]> }>("splits.json").fonts;
const pools = new Map<string, FontFamily[]>();
const faces = new Map<string, Face>();

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8")) as T;
}

/** Families of one split and role, in a fixed order. */
export function fontPool(split: Split, role: FontRole): readonly FontFamily[] {
  const key = `${split}/${role}`;
  const known = pools.get(key);
  if (known !== undefined) return known;
  const pool = splitNames[split].flatMap((name) => byName.get(name) ?? []).filter((family) => family.role === role);
  pools.set(key, pool);
  return pool;
}

/** Families that carry another script, for pictures the model must decline. */
export function scriptFonts(): readonly FontFamily[] {
  return families.filter((family) => family.scripts.length > 0);
}

export interface FaceWish {
  readonly split: Split;
  /** Probability of a typewriter or terminal face, as printers of receipts have. */
  readonly mono?: number;
  readonly weight?: "regular" | "bold" | "any";
  /** Handwriting-like faces only. */
  readonly hand?: boolean;
  /** Only faces with lower-case letters. */
  readonly mixedCase?: boolean;
}

const boldFaces = ["700-normal", "900-normal", "500-normal"];

/** Draws a family and one of its faces, registering it on first use. */
export function pickFace(random: Random, wish: FaceWish): Face {
  const role = wish.hand ? "hand" : chance(random, wish.mono ?? 0.25) ? "mono" : "print";
  const pool = fontPool(wish.split, role);
  let family = pick(random, pool);
  while (wish.mixedCase === true && family.caps) family = pick(random, pool);
  return faceOf(family, pickFaceName(random, family, wish.weight ?? "any"));
}

function pickFaceName(random: Random, family: FontFamily, weight: "regular" | "bold" | "any"): string {
  if (weight === "bold") return boldFaces.find((face) => family.faces.includes(face)) ?? "400-normal";
  return weight === "regular" || chance(random, 0.5) ? "400-normal" : pick(random, family.faces);
}

/** A family by its name, in its regular face. Throws RangeError for a name that is not there. */
export function faceNamed(name: string): Face {
  const family = byName.get(name);
  if (family === undefined) throw new RangeError(`There is no font family "${name}" in fonts.json.`);
  return faceOf(family, "400-normal");
}

/** The same family in bold, or the face itself where it has none. */
export function boldOf(face: Face): Face {
  const bold = boldFaces.find((name) => face.family.faces.includes(name));
  return bold === undefined ? face : faceOf(face.family, bold);
}

/** Registers a face under a name of ours and caches it. */
export function faceOf(family: FontFamily, face: string): Face {
  const key = `${family.name}-${face}`;
  const known = faces.get(key);
  if (known !== undefined) return known;
  const names = [`pk-${key}`];
  register(family.name, `latin-${face}`, names[0]);
  if (family.extended && face === "400-normal") {
    names.push(`pk-${key}-ext`);
    register(family.name, `latin-ext-${face}`, names[1]);
  }
  const made = { family, face, css: names.map((name) => `"${name}"`).join(", ") };
  faces.set(key, made);
  return made;
}

/** Registers a non-Latin file of a family. */
export function scriptFace(family: FontFamily, script: string): Face {
  const key = `${family.name}-${script}`;
  const known = faces.get(key);
  if (known !== undefined) return known;
  register(family.name, `${script}-400-normal`, `pk-${key}`);
  const made = { family, face: script, css: `"pk-${key}"` };
  faces.set(key, made);
  return made;
}

function register(name: string, file: string, alias: string): void {
  const bytes = readFileSync(packageFile(`@fontsource/${name}/files/${name}-${file}.woff2`));
  if (GlobalFonts.register(bytes, alias) === null) throw new Error(`Font ${name} (${file}) could not be registered.`);
}

const latin1 = /^[\u0020-\u007e\u00a0-\u00ff–—‘’“”•€]*$/;
const extendedLetters = /^[\u0020-\u007e\u00a0-\u017f–—‘’“”•€]*$/;

/** Whether every character of `text` has a glyph of this very face, not of a system fallback. */
export function canPrint(face: Face, text: string): boolean {
  if (face.family.caps && text !== text.toUpperCase()) return false;
  for (const char of face.family.missing) if (text.includes(char)) return false;
  if (latin1.test(text)) return true;
  return face.family.extended && face.face === "400-normal" && extendedLetters.test(text);
}
