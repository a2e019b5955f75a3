import { type Block, pair, space, stack, type TextStyle, text } from "./layout.ts";
import { chance, integer, pick, type Random } from "./random.ts";
import type { Item, Sale } from "./receipt-data.ts";
import type { MoneyLabels } from "./receipt-labels.ts";
import { textWidth } from "./scene.ts";
import { barcode, matrixCode, printable, type RuleStyle, rule, type TypeKit } from "./type-kit.ts";

/** What every part of a receipt template is given. */
export interface ReceiptContext {
  readonly random: Random;
  readonly kit: TypeKit;
  readonly sale: Sale;
  readonly labels: MoneyLabels;
  readonly rule: RuleStyle;
  /** Inner width in pixels. */
  readonly width: number;
}

export type Part = (context: ReceiptContext) => Block[];

export function field(context: ReceiptContext, style: TextStyle, key: string, content: string): Block {
  return text(printable(context.kit, content), style, [key]);
}

/** A label and its value on one line; the value alone is the field. */
export function labelled(
  context: ReceiptContext,
  label: string,
  key: string,
  content: string,
  style = context.kit.body,
): Block {
  const { kit } = context;
  return {
    kind: "row",
    gap: style.size * 0.35,
    cells: [{ block: text(printable(kit, label), style) }, { block: field(context, style, key, content) }],
  };
}

/** A label at the left edge and its value at the right one. */
export function amount(
  context: ReceiptContext,
  label: string,
  key: string,
  content: string,
  style = context.kit.body,
): Block {
  return pair(text(printable(context.kit, label), style), field(context, style, key, content), style.size * 0.5);
}

const itemField = (index: number, part: "name" | "qty" | "unit" | "price"): string => `item.${index}.${part}`;

/** Width of a column that must hold all of `entries`. */
function columnWidth(context: ReceiptContext, entries: readonly string[]): number {
  return Math.max(...entries.map((entry) => textWidth({ ...context.kit.strong, text: printable(context.kit, entry) })));
}

/** Rows from items; the widths of number columns come from the widest entry. */
function itemRows(context: ReceiptContext, row: (item: Item, index: number) => Block[]): Block[] {
  return context.sale.items.flatMap((item, index) => row(item, index));
}

export const namePrice: Part = (context) =>
  itemRows(context, (item, i) => [
    pair(
      field(context, context.kit.body, itemField(i, "name"), item.name),
      field(context, context.kit.body, itemField(i, "price"), item.price),
      context.kit.body.size,
    ),
  ]);

export const quantityNamePrice: Part = (context) => {
  const { body } = context.kit;
  const times = chance(context.random, 0.4) ? "x" : "";
  return itemRows(context, (item, i) => [
    {
      kind: "row",
      gap: body.size * 0.5,
      cells: [
        {
          block: field(context, body, itemField(i, "qty"), `${item.quantity}${times}`),
          width: columnWidth(context, ["99x"]),
        },
        { block: field(context, body, itemField(i, "name"), item.name), grow: 1 },
        { block: field(context, body, itemField(i, "price"), item.price), align: "end" },
      ],
    },
  ]);
};

export const twoLineItems: Part = (context) => {
  const { kit } = context;
  const at = pick(context.random, [" x ", " @ ", " X "]);
  return itemRows(context, (item, i) => {
    const name = field(context, kit.body, itemField(i, "name"), item.name);
    const price = field(context, kit.body, itemField(i, "price"), item.price);
    if (item.quantity === 1) return [pair(name, price, kit.body.size)];
    const count: Block = {
      kind: "row",
      cells: [
        { block: { kind: "space", height: 1, width: kit.body.size }, width: kit.body.size },
        { block: field(context, kit.body, itemField(i, "qty"), String(item.quantity)) },
        { block: text(printable(kit, at.trim()), kit.body) },
        { block: field(context, kit.body, itemField(i, "unit"), item.unit) },
        { block: { kind: "space", height: 1 }, grow: 1 },
        { block: price },
      ],
      gap: kit.body.size * 0.3,
    };
    return [name, count];
  });
};

/** Columns with a heading row. `unit` adds the price of one. */
function tableItems(context: ReceiptContext, unit: boolean): Block[] {
  const { kit, random } = context;
  const { body, strong } = kit;
  const gap = body.size * 0.6;

  const heading = pick(random, [
    ["Item", "Qty", "Unit", "Amount"],
    ["Description", "QTY", "Price", "Total"],
    ["Article", "Pcs", "Each", "Sum"],
  ]);
  const { items } = context.sale;
  const counts = columnWidth(context, [heading[1], ...items.map((item) => String(item.quantity))]);
  const column = columnWidth(context, [...heading.slice(2), ...items.flatMap((item) => [item.unit, item.price])]);
  const head = heading.map((name) => text(printable(kit, name), strong));
  const cells = (name: Block, quantity: Block, each: Block, price: Block): Block => ({
    kind: "row",
    gap,
    cells: [
      { block: name, grow: 1 },
      { block: quantity, width: counts, align: "end" },
      ...(unit ? [{ block: each, width: column, align: "end" } as const] : []),
      { block: price, width: column, align: "end" },
    ],
  });
  const rows = itemRows(context, (item, i) => [
    cells(
      field(context, body, itemField(i, "name"), item.name),
      field(context, body, itemField(i, "qty"), String(item.quantity)),
      field(context, body, itemField(i, "unit"), item.unit),
      field(context, body, itemField(i, "price"), item.price),
    ),
  ]);
  return [cells(head[0], head[1], head[2], head[3]), rule(kit, pick(random, ["solid", "dashes", "none"])), ...rows];
}

export const tableThree: Part = (context) => tableItems(context, false);
export const tableFour: Part = (context) => tableItems(context, true);

export const codedItems: Part = (context) => {
  const { body } = context.kit;
  const mark = pick(context.random, ["", " A", " T", " F", " B"]);
  return itemRows(context, (item, i) => [
    {
      kind: "row",
      gap: body.size * 0.5,
      cells: [
        { block: text(item.code, body) },
        { block: field(context, body, itemField(i, "name"), item.name), grow: 1 },
        { block: field(context, body, itemField(i, "price"), item.price) },
        ...(mark === "" ? [] : [{ block: text(mark.trim(), body) }]),
      ],
    },
  ]);
};

export const numberedItems: Part = (context) => {
  const { body } = context.kit;
  const mark = pick(context.random, [".", ")", ""]);
  return itemRows(context, (item, i) => [
    {
      kind: "row",
      gap: body.size * 0.5,
      cells: [
        { block: text(`${i + 1}${mark}`, body), width: columnWidth(context, [`${context.sale.items.length}${mark}`]) },
        { block: field(context, body, itemField(i, "name"), item.name), grow: 1 },
        { block: field(context, body, itemField(i, "price"), item.price) },
      ],
    },
  ]);
};

export const priceFirst: Part = (context) => {
  const { body } = context.kit;
  return itemRows(context, (item, i) => [
    {
      kind: "row",
      gap: body.size * 0.7,
      cells: [
        {
          block: field(context, body, itemField(i, "price"), item.price),
          width: columnWidth(
            context,
            context.sale.items.map((entry) => entry.price),
          ),
          align: "end",
        },
        { block: field(context, body, itemField(i, "name"), item.name) },
      ],
    },
  ]);
};

/** Subtotal, discount, tax and tip, each where the sale has it and the draw wants it. */
function breakdown(context: ReceiptContext): Block[] {
  const { sale, labels, random } = context;
  const blocks: Block[] = [];
  if (chance(random, 0.7)) blocks.push(amount(context, labels.subtotal, "subtotal", sale.subtotal));
  if (sale.discount !== "") blocks.push(amount(context, labels.discount, "discount", sale.discount));
  if (chance(random, 0.75))
    blocks.push(amount(context, chance(random, 0.5) ? labels.tax : `${labels.tax} ${sale.taxRate}`, "tax", sale.tax));
  if (sale.tip !== "") blocks.push(amount(context, labels.tip, "tip", sale.tip));
  return blocks;
}

function totalLine(context: ReceiptContext, style: TextStyle): Block[] {
  // A torn or cropped slip may lack its total: then the honest answer is "not shown".
  return chance(context.random, 0.06)
    ? []
    : [amount(context, context.labels.total, "total", context.sale.total, style)];
}

export const plainTotals: Part = (context) => [...breakdown(context), ...totalLine(context, context.kit.strong)];

export const bigTotals: Part = (context) => {
  const style = { ...context.kit.strong, size: context.kit.body.size * 1.35 };
  return [...breakdown(context), rule(context.kit, context.rule), ...totalLine(context, style)];
};

export const ruledTotals: Part = (context) => [
  ...breakdown(context),
  rule(context.kit, "solid"),
  ...totalLine(context, context.kit.strong),
  rule(context.kit, "double"),
];

export const indentedTotals: Part = (context) => {
  const rows = [...breakdown(context), ...totalLine(context, context.kit.strong)];
  return [
    {
      kind: "row",
      cells: [
        { block: { kind: "space", height: 1 }, grow: 0.35 },
        { block: stack(rows), grow: 0.65 },
      ],
    },
  ];
};

export const paymentPairs: Part = (context) => {
  const { sale, random, labels } = context;
  const cash = sale.method === "Cash";
  const blocks = [
    chance(random, 0.5)
      ? amount(context, labels.payment, "method", sale.method)
      : amount(context, sale.method, "paid", cash ? sale.paid : sale.total),
  ];
  if (cash && chance(random, 0.8)) blocks.push(amount(context, labels.change, "change", sale.change));
  if (!cash && chance(random, 0.6))
    blocks.push(amount(context, pick(random, ["Card", "Card no", "Account", "PAN"]), "card", sale.card));
  return blocks;
};

export const noPayment: Part = () => [];

const thanks = [
  "Thank you!",
  "THANK YOU",
  "Thank you for your visit",
  "Please come again",
  "Have a nice day!",
  "See you soon",
  "Thanks for shopping with us",
  "Returns within 30 days",
  "Keep this receipt",
  "All prices include tax",
  "Customer copy",
];

export const thanksFooter: Part = (context) => {
  const lines = Array.from({ length: integer(context.random, 1, 3) }, () =>
    text(printable(context.kit, pick(context.random, thanks)), context.kit.small),
  );
  return [stack(lines, { align: "center" })];
};

export const codeFooter: Part = (context) => {
  const { random, kit, width } = context;
  const code = chance(random, 0.7)
    ? barcode(random, kit.ink, width * 0.7, kit.body.size * 2.4)
    : matrixCode(random, kit.ink, kit.body.size * 5);
  return [
    stack([text(printable(kit, pick(random, thanks)), kit.small), space(kit.body.size * 0.4), code], {
      align: "center",
    }),
  ];
};
