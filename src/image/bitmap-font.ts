import type { RgbImage } from "./rgb-image.ts";

/** Glyphs are 3×5 pixels: five octal digits, one a row, the highest bit left. */
const GLYPHS: Readonly<Record<string, string>> = {
  "0": "75557",
  "1": "26227",
  "2": "71747",
  "3": "71717",
  "4": "55711",
  "5": "74717",
  "6": "74757",
  "7": "71244",
  "8": "75757",
  "9": "75717",
  A: "25755",
  B: "65656",
  C: "34443",
  D: "65556",
  E: "74647",
  F: "74644",
  G: "34553",
  H: "55755",
  I: "72227",
  J: "11152",
  K: "55655",
  L: "44447",
  M: "57755",
  N: "65555",
  O: "25552",
  P: "65644",
  Q: "25563",
  R: "65655",
  S: "34216",
  T: "72222",
  U: "55557",
  V: "55552",
  W: "55775",
  X: "05250",
  Y: "55222",
  Z: "71247",
  "-": "00700",
  ".": "00002",
  ",": "00024",
  ":": "02020",
  "+": "02720",
  "=": "07070",
  " ": "00000",
};

const GLYPH_WIDTH = 3;
const GLYPH_HEIGHT = 5;

/** Size of a text in pixels, with the margin of one dot that drawText fills around it. */
export function textSize(text: string, scale: number): { width: number; height: number } {
  return { width: (text.length * (GLYPH_WIDTH + 1) + 1) * scale, height: (GLYPH_HEIGHT + 2) * scale };
}

/** Draws white text on a black ground with its top left corner at (x, y); what leaves the picture is cut. */
export function drawText(image: RgbImage, text: string, x: number, y: number, scale: number): void {
  const { width, height } = textSize(text, scale);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const isInk = inkAt(text, Math.floor(column / scale) - 1, Math.floor(row / scale) - 1);
      setPixel(image, x + column, y + row, isInk ? 255 : 0);
    }
  }
}

function inkAt(text: string, column: number, row: number): boolean {
  const index = Math.floor(column / (GLYPH_WIDTH + 1));
  const dot = column - index * (GLYPH_WIDTH + 1);
  if (column < 0 || dot >= GLYPH_WIDTH || row < 0 || row >= GLYPH_HEIGHT) return false;
  const glyph = GLYPHS[text.charAt(index).toUpperCase()] ?? GLYPHS["-"];
  return ((Number(glyph.charAt(row)) >> (GLYPH_WIDTH - 1 - dot)) & 1) === 1;
}

function setPixel(image: RgbImage, x: number, y: number, level: number): void {
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
  image.data.fill(level, (y * image.width + x) * 3, (y * image.width + x) * 3 + 3);
}
