import { type Compose, type KindContext, templatesOf } from "./kind.ts";
import { type Block, type Cell, type DrawShape, layout, space, stack, type TextStyle, text } from "./layout.ts";
import { between, chance, integer, pick, shuffle } from "./random.ts";
import { merchantName } from "./receipt-data.ts";
import { printable, rule, type TypeKit, typeKit } from "./type-kit.ts";
import { date, drawValue, email, identifier, measure, person, phone, price, street, town } from "./values.ts";
import { capitalised, cities, phrase, word } from "./words.ts";

type Draw = Parameters<typeof drawValue>[2];

/** Labels with what may be filled in. Questions are asked by the printed label. */
const entries: readonly (readonly [readonly string[], Draw])[] = [
  [["Name", "Full name", "Applicant", "Patient"], person],
  [["Address", "Street address", "Residence"], street],
  [["City", "Town"], (r) => pick(r, cities)],
  [["Postal address", "City, ZIP"], town],
  [["Phone", "Telephone", "Mobile", "Contact number"], phone],
  [["E-mail", "Email address"], email],
  [["Date of birth", "Born", "DOB"], date],
  [["Date", "Issued on", "Date of issue"], date],
  [["Valid until", "Expiry date", "Expires"], date],
  [["Customer no.", "Client ID", "Member number", "Policy no."], identifier],
  [["Reference", "Case number", "File no."], identifier],
  [["Serial number", "Model no.", "Part no."], identifier],
  [["Employer", "Company", "Organisation"], merchantName],
  [["Amount", "Balance", "Fee", "Deposit", "Rent"], price],
  [["Weight", "Quantity", "Volume", "Length"], measure],
  [["Occupation", "Position", "Department"], (r) => capitalised(word(r))],
  [["Remarks", "Comment", "Notes", "Subject"], (r) => phrase(r, 24)],
  [["Room", "Seat", "Gate", "Table"], (r) => `${integer(r, 1, 60)}${pick(r, ["", "A", "B", "C"])}`],
  [["Emergency contact", "Next of kin", "Guardian"], person],
];

interface Entry {
  readonly label: string;
  readonly value: Block;
  readonly caption: Block;
}

function drawEntries({ random, splits }: KindContext, kit: TypeKit, captionStyle: TextStyle, count: number): Entry[] {
  const colon = pick(random, ["", ":"]);
  const usedLabels = shuffle(random, entries).slice(0, count);
  return usedLabels.map(([labels, draw]) => {
    const label = printable(kit, pick(random, labels));
    // An empty field keeps its label: asked for, it is "not shown".
    const empty = chance(random, 0.12);
    const content = printable(kit, drawValue(random, splits.values, draw));
    const value: Block = empty
      ? { kind: "space", height: kit.body.size * 1.3, width: kit.body.size * 4 }
      : text(content, kit.body, [`label:${label}`]);
    return { label, value, caption: text(label + colon, captionStyle, empty ? [`empty:${label}`] : undefined) };
  });
}

function line(colour: string, size: number, where: "below" | "around"): DrawShape {
  return (canvas, width, height) => {
    canvas.strokeStyle = colour;
    canvas.lineWidth = Math.max(0.8, size / 20);
    if (where === "around") return canvas.strokeRect(0.5, 0.5, width - 1, height - 1);
    canvas.beginPath();
    canvas.moveTo(0, height - size * 0.1);
    canvas.lineTo(width, height - size * 0.1);
    return canvas.stroke();
  };
}

type FormLayout = (list: readonly Entry[], kit: TypeKit, context: KindContext) => Block[];

function boxedCell({ caption, value }: Entry, kit: TypeKit): Block {
  return stack([caption, value], {
    frame: { padding: kit.body.size * 0.3, draw: line(kit.ink, kit.body.size, "around") },
  });
}

function twoByTwo(list: readonly Entry[], cell: (entry: Entry) => Block, gap: number): Block[] {
  const rows: Block[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const cells: Cell[] = list.slice(i, i + 2).map((entry) => ({ block: cell(entry), grow: 1 }));
    rows.push({ kind: "row", gap, cells });
  }
  return rows;
}

const layouts: Readonly<Record<string, FormLayout>> = {
  "form-lines": (list, kit) =>
    list.map(({ caption, value }) => ({
      kind: "row",
      gap: kit.body.size * 0.5,
      cells: [
        { block: caption },
        { block: stack([value], { frame: { padding: 0, draw: line(kit.ink, kit.body.size, "below") } }), grow: 1 },
      ],
    })),
  "form-plain": (list, kit) =>
    list.map(({ caption, value }) => ({
      kind: "row",
      gap: kit.body.size * 0.5,
      cells: [{ block: caption }, { block: value }],
    })),
  "form-columns": (list, kit) =>
    list.map(({ caption, value }) => ({
      kind: "row",
      gap: kit.body.size,
      cells: [
        { block: caption, grow: 0.45 },
        { block: value, grow: 0.55 },
      ],
    })),
  "form-grid": (list, kit) => twoByTwo(list, (entry) => boxedCell(entry, kit), 0),
  "form-stacked": (list, kit) => list.flatMap((entry) => [boxedCell(entry, kit), space(kit.body.size * 0.3)]),
  "form-table": (list, kit) =>
    list.flatMap(({ caption, value }): Block[] => [
      { kind: "row", justify: "between", gap: kit.body.size, cells: [{ block: caption }, { block: value }] },
      rule(kit, "solid"),
    ]),
  "form-cards": (list, kit) =>
    twoByTwo(
      list,
      ({ caption, value }) =>
        stack([value, caption], {
          frame: { padding: kit.body.size * 0.4, draw: line(kit.ink, kit.body.size, "below") },
        }),
      kit.body.size,
    ),
};

/** A filled-in form: labels with printed values, some left empty. */
export const composeForm: Compose = (context) => {
  const { random, splits } = context;
  const template = pick(random, templatesOf(Object.keys(layouts), splits.templates));
  const kit = typeKit(context, {
    mono: 0.2,
    ink: pick(random, ["#111111", "#222233", "#333333"]),
    titleScale: [1.2, 1.6],
  });
  const caption = {
    ...(chance(random, 0.5) ? kit.small : kit.strong),
    colour: pick(random, [kit.ink, "#555555", "#2b4a7a"]),
  };
  const list = drawEntries(context, kit, caption, integer(random, 2, 9));
  const title = chance(random, 0.5)
    ? [
        text(
          printable(
            kit,
            pick(random, [
              "Registration form",
              "Application",
              "Patient record",
              "Delivery note",
              "Membership",
              "Certificate",
              "Boarding pass",
              "Order form",
              "Data sheet",
            ]),
          ),
          kit.title,
          ["heading"],
        ),
        space(kit.body.size * 0.5),
      ]
    : [];
  const wide = template === "form-grid" || template === "form-cards";
  const width = kit.body.size * between(random, wide ? 20 : 14, wide ? 28 : 22);
  const placed = layout(
    stack([...title, ...layouts[template](list, kit, context)], { gap: kit.body.size * between(random, 0, 0.4) }),
    { width, margin: Math.round(kit.body.size * between(random, 0.5, 2)) },
  );
  const paper = pick(random, ["#ffffff", "#fafafa", "#f3f1e8", "#eef3f8"]);
  return {
    scene: { ...placed, paper, coloured: chance(random, 0.3) },
    template,
    printer: "offset",
    fontPixels: Math.min(kit.small.size, kit.body.size),
    inverted: 0.02,
  };
};
