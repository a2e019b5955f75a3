import { type Compose, type KindContext, templatesOf } from "./kind.ts";
import { type Block, type DrawShape, layout, space, stack, text } from "./layout.ts";
import { between, chance, integer, pick } from "./random.ts";
import { itemName, merchantName } from "./receipt-data.ts";
import { barcode, logo, matrixCode, printable, type TypeKit, typeKit } from "./type-kit.ts";
import { date, drawValue, identifier, pattern, person, phone, price, street, town } from "./values.ts";
import { capitalised, companyNouns, word } from "./words.ts";

interface LabelContext extends KindContext {
  readonly kit: TypeKit;
  readonly width: number;
}

/** Text that is a value: the whole run is the field. */
function value(
  { kit, random, splits }: LabelContext,
  key: string,
  draw: Parameters<typeof drawValue>[2],
  style = kit.body,
): Block {
  return text(printable(kit, drawValue(random, splits.values, draw)), style, [key]);
}

function captioned(context: LabelContext, caption: string, block: Block): Block {
  const { kit } = context;
  return {
    kind: "row",
    gap: kit.body.size * 0.35,
    cells: [{ block: text(printable(kit, caption), kit.body) }, { block }],
  };
}

const weight = (r: LabelContext["random"]): string =>
  pick(r, [
    `${integer(r, 10, 950)} g`,
    `${between(r, 0.1, 25).toFixed(1)} kg`,
    `${integer(r, 1, 64)} oz`,
    `${integer(r, 50, 990)} ml`,
  ]);
const jobs = [
  "Engineer",
  "Manager",
  "Designer",
  "Speaker",
  "Visitor",
  "Analyst",
  "Director",
  "Nurse",
  "Student",
  "Press",
  "Volunteer",
  "Sales",
  "Consultant",
  "Producer",
  "Staff",
];
const role = (r: LabelContext["random"]): string =>
  pick(r, [pick(r, jobs), `${pick(r, ["Senior", "Lead", "Junior", "Chief"])} ${pick(r, jobs)}`]);

const templates: Readonly<Record<string, (context: LabelContext) => Block[]>> = {
  "label-price": (c) => [
    value(c, "product", itemName),
    value(c, "price", price, { ...c.kit.title, size: c.kit.title.size * 1.3 }),
    ...(chance(c.random, 0.5) ? [barcode(c.random, c.kit.ink, c.width * 0.6, c.kit.body.size * 1.6)] : []),
  ],
  "label-shelf": (c) => [
    {
      kind: "row",
      justify: "between",
      gap: c.kit.body.size,
      cells: [{ block: value(c, "product", itemName) }, { block: value(c, "price", price, c.kit.strong) }],
    },
    {
      kind: "row",
      justify: "between",
      gap: c.kit.body.size,
      cells: [
        { block: value(c, "code", (r) => pattern(r, "9999999"), c.kit.small) },
        { block: value(c, "weight", weight, c.kit.small) },
      ],
    },
  ],
  "label-badge": (c) => [
    text(pick(c.random, ["HELLO", "VISITOR", "STAFF", "GUEST"]), c.kit.small),
    value(c, "name", person, c.kit.title),
    value(c, "role", role),
    value(c, "merchant", merchantName),
  ],
  "label-product": (c) => [
    value(c, "product", itemName, c.kit.title),
    captioned(c, pick(c.random, ["Net weight:", "Net wt.", "Content:"]), value(c, "weight", weight)),
    captioned(c, pick(c.random, ["Best before:", "BBE", "Use by", "EXP"]), value(c, "date", date)),
    captioned(c, pick(c.random, ["LOT", "Lot:", "Batch"]), value(c, "code", identifier)),
  ],
  "label-asset": (c) => [
    text(printable(c.kit, pick(c.random, ["PROPERTY OF", "Asset tag", "Inventory"])), c.kit.small),
    value(c, "merchant", merchantName),
    matrixCode(c.random, c.kit.ink, c.kit.body.size * 3.5),
    value(c, "code", identifier, c.kit.strong),
  ],
  "label-medicine": (c) => [
    value(
      c,
      "product",
      (r) => `${capitalised(word(r))}${pick(r, ["ol", "in", "ex", "ium"])} ${integer(r, 1, 80) * 10} mg`,
      c.kit.title,
    ),
    captioned(c, "Patient:", value(c, "name", person)),
    captioned(
      c,
      "Rx",
      value(c, "code", (r) => pattern(r, "9999999")),
    ),
    captioned(c, pick(c.random, ["Filled:", "Date:"]), value(c, "date", date)),
  ],
  "label-sign": (c) => [
    logo(c.random, c.kit.ink, c.kit.title.size * 2),
    value(c, "underLogo", (r) => capitalised(pick(r, companyNouns)), c.kit.title),
    value(c, "phone", phone),
  ],
  "label-card": (c) => [
    value(c, "name", person, c.kit.title),
    value(c, "role", role),
    space(c.kit.body.size * 0.6),
    value(c, "merchant", merchantName),
    value(c, "street", street),
    value(c, "town", town),
    value(c, "phone", phone),
  ],
  "label-parcel": (c) => [
    text("TO:", c.kit.small),
    value(c, "name", person, c.kit.title),
    value(c, "street", street),
    value(c, "town", town),
    space(c.kit.body.size * 0.5),
    barcode(c.random, c.kit.ink, c.width * 0.8, c.kit.body.size * 2),
    value(c, "code", identifier),
  ],
};

const papers = ["#ffffff", "#fdfdf5", "#fff3a0", "#ffe0d0", "#e0f0ff", "#e4f5dc", "#f0f0f0", "#ffd75e"];

function border(colour: string, size: number, round: boolean): DrawShape {
  return (canvas, width, height) => {
    canvas.strokeStyle = colour;
    canvas.lineWidth = Math.max(1, size / 8);
    canvas.beginPath();
    canvas.roundRect(2, 2, width - 4, height - 4, round ? size * 0.6 : 0);
    canvas.stroke();
  };
}

/** A small printed label, badge or card. */
export const composeLabel: Compose = (context) => {
  const { random, splits } = context;
  const template = pick(random, templatesOf(Object.keys(templates), splits.templates));
  const kit = typeKit(context, {
    mono: 0.15,
    ink: pick(random, ["#111111", "#14213d", "#5a1010", "#0b3d2e"]),
    titleScale: [1.2, 1.9],
    upper: 0.15,
  });
  const width = kit.body.size * between(random, 8, 15);
  const padding = kit.body.size * between(random, 0.5, 1.2);
  const frame = chance(random, 0.6)
    ? { padding, draw: border(kit.ink, kit.body.size, chance(random, 0.5)) }
    : { padding };
  const root = stack(templates[template]({ ...context, kit, width: width - 2 * padding }), {
    align: pick(random, ["center", "start"]),
    frame,
  });
  const placed = layout(root, { width, margin: Math.round(kit.body.size * between(random, 0.2, 1)) });
  return {
    scene: { ...placed, paper: pick(random, papers), coloured: chance(random, 0.6) },
    template,
    printer: chance(random, 0.2) ? "thermal" : "offset",
    fontPixels: kit.small.size,
    inverted: 0.05,
  };
};
