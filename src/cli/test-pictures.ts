import { type RgbImage, rgbImage } from "../image/rgb-image.ts";

/** Pictures drawn by rule, so that every machine compares the same pixels: a chart, a page and a night sky. */
export function testPictures(): readonly { readonly name: string; readonly image: RgbImage }[] {
  return [
    { name: "chart", image: draw(640, 480, chart) },
    { name: "page", image: draw(448, 634, page) },
    { name: "sky", image: draw(300, 200, sky) },
  ];
}

type Colour = readonly [number, number, number];

function draw(width: number, height: number, colourAt: (x: number, y: number) => Colour): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colourAt(x, y), (y * width + x) * 3);
  }
  return rgbImage(width, height, data);
}

const BARS = [120, 300, 210, 390, 60];
const BAR_COLOURS: readonly Colour[] = [
  [200, 40, 40],
  [40, 160, 60],
  [40, 80, 200],
  [220, 180, 40],
  [130, 60, 160],
];

function chart(x: number, y: number): Colour {
  const bar = Math.floor((x - 70) / 110);
  const isInside = bar >= 0 && bar < BARS.length && (x - 70) % 110 < 80;
  if (isInside && y < 440 && y > 440 - BARS[bar]) return BAR_COLOURS[bar];
  if (y === 440 || x === 60) return [0, 0, 0];
  return y % 50 === 40 ? [220, 220, 220] : [255, 255, 255];
}

/** Lines of marks as dense as print. */
function page(x: number, y: number): Colour {
  const line = Math.floor(y / 18);
  const isMargin = x < 40 || x > 408 || y < 40 || y > 594;
  const isMark = y % 18 < 9 && (((x * 7919 + line * 104_729) >> 3) % 5 > 1 || x % 6 === 0);
  return !isMargin && isMark ? [30, 30, 30] : [250, 248, 240];
}

function sky(x: number, y: number): Colour {
  const moon = (x - 220) ** 2 + (y - 60) ** 2 < 30 ** 2;
  if (moon) return [245, 240, 200];
  const isStar = (x * 73_856_093 + y * 19_349_663) % 997 === 0;
  return isStar ? [255, 255, 255] : [10, 12, 40 + Math.floor((y * 60) / 200)];
}
