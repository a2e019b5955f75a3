// Draws a contact sheet: node recipes/pocket/data/sheet.ts OUT.png --kind receipt --seed 1 [--count 24] [--width 1200] [--boxes]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Canvas, createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import { sample } from "./sample.ts";
import { type StageName, stages } from "./stage.ts";
import type { Kind, Pixels, Sample, Split, Stage } from "./types.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kind: { type: "string" },
    stage: { type: "string", default: "mixedLines" },
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "24" },
    width: { type: "string", default: "1400" },
    cell: { type: "string", default: "420" },
    split: { type: "string", default: "train" },
    boxes: { type: "boolean", default: false },
    "no-text": { type: "boolean", default: false },
  },
});
const gap = 8;
const caption = 13;

function toCanvas({ width, height, channels, data }: Pixels): Canvas {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0, j = 0; j < image.data.length; i += channels, j += 4) {
    for (let c = 0; c < 3; c++) image.data[j + c] = data[channels === 3 ? i + c : i];
    image.data[j + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function captions(item: Sample): string[] {
  const turns = item.turns.slice(0, 6).map((turn) => `${turn.question} -> ${turn.answer.replaceAll("\n", " / ")}`);
  return [`${item.template} ${item.image.width}x${item.image.height} ${item.fonts.join(" ")}`, ...turns];
}

function drawSheet(items: readonly Sample[], sheetWidth: number, cell: number): Buffer {
  const columns = Math.max(1, Math.floor(sheetWidth / (cell + gap)));
  const heights = new Array<number>(columns).fill(gap);
  const places = items.map((item) => {
    const scale = Math.min(1, cell / item.image.width);
    const column = heights.indexOf(Math.min(...heights));
    const place = { item, scale, x: gap + column * (cell + gap), y: heights[column] };
    heights[column] += item.image.height * scale + (!values["no-text"] ? captions(item).length * caption : 0) + gap;
    return place;
  });
  const canvas = createCanvas(sheetWidth, Math.ceil(Math.max(...heights)));
  const context = canvas.getContext("2d");
  context.fillStyle = "#8899aa";
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (const { item, scale, x, y } of places) drawItem(context, item, { scale, x, y });
  return output?.endsWith(".jpg") ? canvas.toBuffer("image/jpeg", 62) : canvas.toBuffer("image/png");
}

function drawItem(
  context: SKRSContext2D,
  item: Sample,
  { scale, x, y }: { scale: number; x: number; y: number },
): void {
  const { width, height } = item.image;
  context.drawImage(toCanvas(item.image), x, y, width * scale, height * scale);
  context.strokeStyle = "rgba(220,0,0,0.6)";
  context.lineWidth = 0.7;
  if (values.boxes)
    for (const c of item.characters)
      context.strokeRect(x + c.x0 * scale, y + c.y0 * scale, (c.x1 - c.x0) * scale, (c.y1 - c.y0) * scale);
  if (values["no-text"]) return;
  context.fillStyle = "#000";
  context.font = "11px sans-serif";
  captions(item).forEach((text, i) => {
    context.fillText(text.slice(0, 90), x, y + height * scale + 10 + i * caption);
  });
}

const output = positionals[0];
if (output === undefined)
  throw new Error("Name the PNG file to write: node recipes/pocket/data/sheet.ts OUT.png --kind line");
const named: Stage = stages[values.stage as StageName];
const stage: Stage = values.kind === undefined ? named : { ...named, kinds: { [values.kind as Kind]: 1 } };
const split = values.split as Split;
const splits = { fonts: split, templates: split, values: split };
const items = Array.from({ length: Number(values.count) }, (_, i) => sample(Number(values.seed), i, { stage, splits }));
writeFileSync(output, drawSheet(items, Number(values.width), Number(values.cell)));
