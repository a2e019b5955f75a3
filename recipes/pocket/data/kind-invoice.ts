import { type Compose, type KindContext, templatesOf } from "./kind.ts";
import { type Block, layout, space, stack, text } from "./layout.ts";
import { between, chance, pick } from "./random.ts";
import { drawSale } from "./receipt-data.ts";
import { moneyLabels } from "./receipt-labels.ts";
import {
  amount,
  field,
  indentedTotals,
  labelled,
  plainTotals,
  type ReceiptContext,
  ruledTotals,
  tableFour,
  tableThree,
} from "./receipt-parts.ts";
import { logo, printable, rule, type TypeKit, typeKit } from "./type-kit.ts";

function seller(context: ReceiptContext): Block {
  const { kit, sale, random } = context;
  const lines = [
    field(context, kit.strong, "merchant", sale.merchant),
    field(context, kit.small, "street", sale.street),
    field(context, kit.small, "town", sale.town),
  ];
  if (chance(random, 0.6)) lines.push(field(context, kit.small, "phone", sale.phone));
  if (chance(random, 0.4)) lines.push(field(context, kit.small, "email", sale.email));
  return stack(lines);
}

function buyer(context: ReceiptContext): Block {
  const { kit, sale, random } = context;
  return stack([
    text(printable(kit, pick(random, ["Bill to", "Billed to", "Customer", "Invoice to"])), kit.strong),
    field(context, kit.body, "customer", sale.customer),
  ]);
}

function meta(context: ReceiptContext, line: typeof amount): Block[] {
  const { random, sale } = context;
  const blocks = [
    line(context, pick(random, ["Invoice no.", "Invoice #", "Number", "Invoice"]), "number", sale.number),
    line(context, pick(random, ["Date", "Invoice date", "Issued"]), "date", sale.date),
  ];
  return chance(random, 0.6)
    ? [...blocks, line(context, pick(random, ["Due", "Due date", "Payable by"]), "dueDate", sale.dueDate)]
    : blocks;
}

function title({ kit, random }: ReceiptContext): Block {
  return text(
    printable(kit, pick(random, ["INVOICE", "Invoice", "Tax invoice", "Bill", "Statement of account"])),
    kit.title,
  );
}

function side(left: Block, right: Block, gap: number): Block {
  return {
    kind: "row",
    gap,
    cells: [
      { block: left, grow: 0.55 },
      { block: right, grow: 0.45 },
    ],
  };
}

const templates: Readonly<Record<string, (context: ReceiptContext, gap: number) => Block[]>> = {
  "invoice-classic": (c, gap) => [
    side(seller(c), stack([title(c), ...meta(c, amount)]), gap),
    space(gap),
    buyer(c),
    rule(c.kit, "solid"),
    ...tableFour(c),
    rule(c.kit, "solid"),
    ...indentedTotals(c),
  ],
  "invoice-left": (c, gap) => [
    title(c),
    space(gap / 2),
    ...meta(c, labelled),
    space(gap),
    side(seller(c), buyer(c), gap),
    space(gap),
    ...tableFour(c),
    rule(c.kit, "double"),
    ...plainTotals(c),
  ],
  "invoice-logo": (c, gap) => [
    side(
      stack([logo(c.random, c.kit.ink, c.kit.title.size * 2), seller(c)]),
      stack([title(c), ...meta(c, labelled), buyer(c)]),
      gap,
    ),
    space(gap),
    ...tableThree(c),
    rule(c.kit, "dashes"),
    ...indentedTotals(c),
  ],
  "invoice-compact": (c, gap) => [
    seller(c),
    rule(c.kit, "solid"),
    title(c),
    ...meta(c, amount),
    buyer(c),
    space(gap / 2),
    ...tableThree(c),
    ...ruledTotals(c),
  ],
  "invoice-foot": (c, gap) => [
    side(title(c), stack(meta(c, amount)), gap),
    buyer(c),
    space(gap),
    ...tableFour(c),
    ...ruledTotals(c),
    space(gap),
    seller(c),
  ],
  "invoice-sidebar": (c, gap) => [
    side(
      stack([title(c), ...tableThree({ ...c, width: c.width * 0.5 })]),
      stack([seller(c), space(gap), ...meta(c, labelled), ...plainTotals(c)]),
      gap,
    ),
  ],
  "invoice-statement": (c, gap) => [
    side(buyer(c), stack([seller(c)]), gap),
    rule(c.kit, "solid"),
    { kind: "row", gap, justify: "between", cells: meta(c, labelled).map((block) => ({ block })) },
    rule(c.kit, "solid"),
    ...plainTotals(c),
    space(gap),
    ...tableFour(c),
  ],
};

function invoiceKit(context: KindContext): TypeKit {
  return typeKit(context, {
    mono: 0.1,
    ink: pick(context.random, ["#111111", "#1c2b3a", "#333333"]),
    titleScale: [1.3, 2.1],
  });
}

/** An invoice: the same sale data on a wider page. */
export const composeInvoice: Compose = (context) => {
  const { random, splits } = context;
  const template = pick(random, templatesOf(Object.keys(templates), splits.templates));
  const kit = invoiceKit(context);
  const width = Math.round(kit.body.size * between(random, 24, 32));
  const parts: ReceiptContext = {
    random,
    kit,
    sale: drawSale(context),
    labels: moneyLabels(random),
    rule: "solid",
    width,
  };
  const placed = layout(stack(templates[template](parts, kit.body.size)), {
    width,
    margin: Math.round(kit.body.size * between(random, 1, 2.5)),
  });
  return {
    scene: { ...placed, paper: "#fdfdfd", coloured: chance(random, 0.15) },
    template,
    printer: "offset",
    fontPixels: Math.min(kit.small.size, kit.body.size),
    inverted: 0.01,
  };
};
