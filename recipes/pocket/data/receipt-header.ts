import { type Block, space, stack, type TextStyle, text } from "./layout.ts";
import { chance, integer, pick } from "./random.ts";
import { amount, field, labelled, type Part, type ReceiptContext } from "./receipt-parts.ts";
import { logo, printable } from "./type-kit.ts";

function contact(context: ReceiptContext): Block[] {
  const { kit, sale, random } = context;
  const blocks: Block[] = [];
  if (chance(random, 0.8))
    blocks.push(field(context, kit.small, "street", sale.street), field(context, kit.small, "town", sale.town));
  if (chance(random, 0.65))
    blocks.push(
      chance(random, 0.6)
        ? labelled(context, pick(random, ["Tel:", "Phone:", "Tel.", "Ph", "T:"]), "phone", sale.phone, kit.small)
        : field(context, kit.small, "phone", sale.phone),
    );
  if (chance(random, 0.2)) blocks.push(field(context, kit.small, "website", sale.website));
  if (chance(random, 0.12)) blocks.push(field(context, kit.small, "email", sale.email));
  return blocks;
}

function title(context: ReceiptContext): Block {
  return field(
    context,
    fitted(context.kit.title, printable(context.kit, context.sale.merchant), context.width),
    "merchant",
    context.sale.merchant,
  );
}

/** Shrinks a title that would be wider than the paper. */
function fitted(style: TextStyle, content: string, width: number): TextStyle {
  const guess = content.length * style.size * 0.62;
  return guess <= width ? style : { ...style, size: Math.max(style.size * 0.5, (style.size * width) / guess) };
}

export const centredHeader: Part = (context) => {
  const { random, kit, sale } = context;
  const tagline = chance(random, 0.3) ? [text(printable(kit, sale.tagline), kit.small)] : [];
  return [stack([title(context), ...tagline, ...contact(context)], { align: "center" })];
};

export const logoHeader: Part = (context) => [
  stack(
    [
      logo(context.random, context.kit.ink, context.kit.title.size * integer(context.random, 2, 3)),
      title(context),
      ...contact(context),
    ],
    { align: "center" },
  ),
];

export const leftHeader: Part = (context) => [stack([title(context), ...contact(context)])];

export const bandHeader: Part = (context) => {
  const { kit, sale } = context;
  const style = fitted({ ...kit.title, colour: "#f4f4f4" }, printable(kit, sale.merchant), context.width * 0.9);
  const draw = (c: Parameters<typeof paintBand>[0], width: number, height: number): void =>
    paintBand(c, width, height, kit.ink);
  const band = stack([field(context, style, "merchant", sale.merchant)], {
    align: "center",
    frame: { padding: kit.body.size * 0.4, draw },
  });
  return [band, space(kit.body.size * 0.3), stack(contact(context), { align: "center" })];
};

function paintBand(
  context: { fillStyle: unknown; fillRect(x: number, y: number, w: number, h: number): void },
  width: number,
  height: number,
  colour: string,
): void {
  context.fillStyle = colour;
  context.fillRect(0, 0, width, height);
}

export const inlineMeta: Part = (context) => {
  const { kit, sale, random } = context;
  const when: Block = {
    kind: "row",
    gap: kit.body.size * 0.8,
    justify: pick(random, ["between", "center", "start"]),
    cells: [
      { block: field(context, kit.body, "date", sale.date) },
      { block: field(context, kit.body, "time", sale.time) },
    ],
  };
  const number = chance(random, 0.6)
    ? [
        labelled(
          context,
          pick(random, ["Receipt", "Receipt #", "Trans:", "Order", "No.", "Check"]),
          "number",
          sale.number,
        ),
      ]
    : [];
  return chance(random, 0.5) ? [when, ...number] : [...number, when];
};

export const pairMeta: Part = (context) => {
  const { sale, random } = context;
  const label = (name: string): string => name + (chance(random, 0.6) ? ":" : "");
  const blocks = [amount(context, label(pick(random, ["Date", "DATE", "Date of sale"])), "date", sale.date)];
  if (chance(random, 0.5)) blocks.push(amount(context, label("Time"), "time", sale.time));
  if (chance(random, 0.6))
    blocks.push(
      amount(
        context,
        label(pick(random, ["Receipt no", "Invoice", "Order no", "Ticket", "Bill no"])),
        "number",
        sale.number,
      ),
    );
  if (chance(random, 0.4))
    blocks.push(
      amount(context, label(pick(random, ["Cashier", "Served by", "Clerk", "Server"])), "cashier", sale.cashier),
    );
  return blocks;
};

export const labelMeta: Part = (context) => {
  const { sale, random } = context;
  const blocks = [labelled(context, pick(random, ["Date:", "Date", "Dated"]), "date", sale.date)];
  if (chance(random, 0.5)) blocks.push(labelled(context, "Time:", "time", sale.time));
  if (chance(random, 0.5))
    blocks.push(labelled(context, pick(random, ["Your server:", "Cashier:", "Operator:"]), "cashier", sale.cashier));
  if (chance(random, 0.5))
    blocks.push(labelled(context, pick(random, ["Receipt:", "Order:", "Ref:"]), "number", sale.number));
  return blocks;
};
