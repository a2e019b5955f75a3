// Writes fonts.json and the font part of splits.json from the installed packages: run once, before any training.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createCanvas, GlobalFonts } from "@napi-rs/canvas";
import type { FontFamily, FontRole } from "./fonts.ts";
import { packageFile } from "./packages.ts";
import { textHash } from "./random.ts";
import { templateSplits } from "./template-splits.ts";
import type { Split } from "./types.ts";

const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join("");
const latin1 = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ€£¥°·×–—‘’“”•©®§";
const extended = "ĄąĆćČčĎďĘęĚěĞğİıŁłŃńŇňŐőŘřŚśŞşŠšŤťŮůŰűŹźŻżŽž";
const wanted = ["300-normal", "400-normal", "500-normal", "700-normal", "900-normal", "400-italic", "700-italic"];

/** Script subsets used for "other scripts" pictures, which the model must decline. */
const scriptSubsets = [
  "arabic",
  "armenian",
  "bengali",
  "devanagari",
  "georgian",
  "hebrew",
  "japanese",
  "kannada",
  "khmer",
  "korean",
  "malayalam",
  "myanmar",
  "chinese-simplified",
  "chinese-traditional",
  "tamil",
  "thaana",
  "thai",
  "cyrillic",
  "greek",
];

/** Filed under handwriting but unjoined and even: declining them would contradict like faces that are to be read. */
const upright = new Set([
  "comic-neue",
  "delius",
  "itim",
  "sriracha",
  "short-stack",
  "neucha",
  "chilanka",
  "balsamiq-sans",
]);

const context = createCanvas(64, 64).getContext("2d");
// Two fonts with no two equal widths between them.
const fallbacks = ["press-start-2p", "ubuntu-condensed"].map((name) => {
  GlobalFonts.register(
    readFileSync(packageFile(`@fontsource/${name}/files/${name}-latin-400-normal.woff2`)),
    `fallback-${name}`,
  );
  return `fallback-${name}`;
});
/** Renamed or derived families, so that no drawing sits on both sides. */
const relatives: Readonly<Record<string, string>> = { muli: "mulish", spartan: "league", carlito: "lato" };

const families: FontFamily[] = [];
const dropped: Record<string, string> = {};
for (const name of readdirSync(packageFile("@fontsource")).sort()) {
  const reason = probe(name);
  if (reason !== undefined) dropped[name] = reason;
}
writeFileSync(new URL("fonts.json", import.meta.url), `[\n${families.map((f) => JSON.stringify(f)).join(",\n")}\n]\n`);
writeFileSync(new URL("splits.json", import.meta.url), `${JSON.stringify(splits(), null, 1)}\n`);
console.log(`${families.length} families kept`, dropped);

/** Adds the family to the list, or says why not. */
function probe(name: string): string | undefined {
  const folder = packageFile(`@fontsource/${name}`);
  const files = readdirSync(`${folder}/files`).filter((file) => file.endsWith(".woff2"));
  const licence = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")).license as string;
  if (!/^(OFL-1\.1|Apache-2\.0|MIT|Ubuntu-font-1\.0|UFL-1\.0|CC0-1\.0|Unlicense)$/i.test(licence))
    return `licence ${licence}`;
  const category = JSON.parse(readFileSync(`${folder}/metadata.json`, "utf8")).category as string;
  const scripts = scriptSubsets.filter((subset) => files.includes(`${name}-${subset}-400-normal.woff2`));
  const faces = wanted.filter((face) => files.includes(`${name}-latin-${face}.woff2`));
  if (name === "doto") return "its dots are too thin to read at these sizes";
  if (!faces.includes("400-normal")) return "no regular Latin face";
  const alias = `probe-${name}`;
  GlobalFonts.register(readFileSync(`${folder}/files/${name}-latin-400-normal.woff2`), alias);
  const lacking = [...ascii].filter((char) => isFallback(alias, char));
  if (lacking.length > 0) return `lacks ${lacking.length} ASCII: ${lacking.join("")}`;
  const missing = [...latin1].filter((char) => isFallback(alias, char)).join("");
  const isWritten = (category === "handwriting" && !upright.has(name)) || name === "freehand";
  const role: FontRole = isMonospaced(alias) ? "mono" : isWritten ? "hand" : "print";
  // Small capitals that differ too much in weight for the pixel test.
  const caps = isCapsOnly(alias) || /-sc$|-decorative$/.test(name);
  const hasExtended = files.includes(`${name}-latin-ext-400-normal.woff2`) && extendedWorks(folder, name);
  families.push({ name, licence, category, role, caps, extended: hasExtended, missing, faces, scripts });
  return undefined;
}

/** A glyph the font lacks comes from the next family of the list, so its width changes with that family. */
function isFallback(alias: string, char: string): boolean {
  const [narrow, wide] = fallbacks.map((fallback) => {
    context.font = `40px "${alias}", "${fallback}"`;
    return context.measureText(char).width;
  });
  return narrow !== wide;
}

function isMonospaced(alias: string): boolean {
  context.font = `100px "${alias}"`;
  const width = context.measureText("i").width;
  return [..."Wm.10a"].every((char) => Math.abs(context.measureText(char).width - width) < 0.5);
}

function extendedWorks(folder: string, name: string): boolean {
  const alias = `probe-${name}-ext`;
  GlobalFonts.register(readFileSync(`${folder}/files/${name}-latin-ext-400-normal.woff2`), alias);
  return [...extended].every((char) => !isFallback(alias, char));
}

/** Lower case drawn as capitals, full size or small: then only upper-case truth is honest. */
function isCapsOnly(alias: string): boolean {
  const pairs = ["aA", "bB", "eE", "gG", "hH", "qQ", "rR", "tT", "dD", "nN"];
  const alike = pairs.filter(([lower, upper]) => glyphDistance(alias, lower, upper) < 0.09);
  return alike.length >= 6;
}

/** Mean absolute difference of two glyphs after both are scaled to the same ink box. */
function glyphDistance(alias: string, first: string, second: string): number {
  const [a, b] = [normalisedGlyph(alias, first), normalisedGlyph(alias, second)];
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
}

function normalisedGlyph(alias: string, char: string): number[] {
  context.font = `200px ${alias}`;
  const m = context.measureText(char);
  const [width, height] = [
    m.actualBoundingBoxLeft + m.actualBoundingBoxRight,
    m.actualBoundingBoxAscent + m.actualBoundingBoxDescent,
  ];
  const canvas = createCanvas(24, 24);
  const target = canvas.getContext("2d");
  target.scale(24 / Math.max(width, 1), 24 / Math.max(height, 1));
  target.font = context.font;
  target.fillText(char, m.actualBoundingBoxLeft, m.actualBoundingBoxAscent);
  const { data } = target.getImageData(0, 0, 24, 24);
  return Array.from({ length: 24 * 24 }, (_, i) => data[i * 4 + 3] / 255);
}

/** Families that share a first word (fira-sans, fira-code) are relatives and stay on one side. */
function splits(): Record<string, unknown> {
  const fonts: Record<Split, string[]> = { train: [], validation: [], heldOut: [] };
  for (const { name } of families) fonts[fontSplit(name)].push(name);
  return {
    about:
      "Written before training. fonts: families, relatives together. templates: by name, see the kinds. values: a printed value of 4 or more characters belongs to textHash('pocket-values/' + value) mod 20: 0-1 heldOut, 2 validation, else train (values.ts); shorter ones are shared.",
    templates: templateSplits,
    fonts,
  };
}

function fontSplit(name: string): Split {
  const first = name.split("-")[0];
  const bucket = textHash(`pocket-fonts/${relatives[first] ?? first}`) % 100;
  if (bucket < 12) return "heldOut";
  return bucket < 18 ? "validation" : "train";
}
