import { type Compose, type Composed, templatesOf } from "./kind.ts";
import { type Block, layout, space, stack } from "./layout.ts";
import { between, chance, pick } from "./random.ts";
import { drawSale } from "./receipt-data.ts";
import {
  bandHeader,
  centredHeader,
  inlineMeta,
  labelMeta,
  leftHeader,
  logoHeader,
  pairMeta,
} from "./receipt-header.ts";
import { moneyLabels } from "./receipt-labels.ts";
import {
  bigTotals,
  codedItems,
  codeFooter,
  indentedTotals,
  namePrice,
  noPayment,
  numberedItems,
  type Part,
  paymentPairs,
  plainTotals,
  priceFirst,
  quantityNamePrice,
  type ReceiptContext,
  ruledTotals,
  tableFour,
  tableThree,
  thanksFooter,
  twoLineItems,
} from "./receipt-parts.ts";
import { type RuleStyle, rule, ruleStyles, typeKit } from "./type-kit.ts";

interface Template {
  /** From top to bottom; "rule" stands for a separator. */
  readonly parts: readonly (Part | "rule")[];
  /** Width in characters of the body face. */
  readonly columns: readonly [number, number];
  readonly mono: number;
}

const templates: Readonly<Record<string, Template>> = {
  "receipt-cafe": {
    parts: [centredHeader, "rule", inlineMeta, "rule", quantityNamePrice, "rule", plainTotals, "rule", thanksFooter],
    columns: [26, 36],
    mono: 0.6,
  },
  "receipt-grocery": {
    parts: [centredHeader, inlineMeta, "rule", codedItems, "rule", plainTotals, paymentPairs, "rule", codeFooter],
    columns: [34, 44],
    mono: 0.8,
  },
  "receipt-restaurant": {
    parts: [logoHeader, "rule", labelMeta, "rule", quantityNamePrice, "rule", bigTotals, paymentPairs, thanksFooter],
    columns: [28, 38],
    mono: 0.4,
  },
  "receipt-hardware": {
    parts: [leftHeader, "rule", pairMeta, "rule", tableFour, "rule", ruledTotals, paymentPairs],
    columns: [40, 48],
    mono: 0.5,
  },
  "receipt-bakery": {
    parts: [logoHeader, inlineMeta, "rule", namePrice, "rule", bigTotals, thanksFooter],
    columns: [24, 32],
    mono: 0.4,
  },
  "receipt-kiosk": {
    parts: [centredHeader, namePrice, plainTotals, paymentPairs, inlineMeta],
    columns: [24, 32],
    mono: 0.9,
  },
  "receipt-supermarket": {
    parts: [bandHeader, pairMeta, "rule", twoLineItems, "rule", bigTotals, "rule", paymentPairs, codeFooter],
    columns: [32, 42],
    mono: 0.7,
  },
  "receipt-boutique": {
    parts: [bandHeader, "rule", labelMeta, "rule", namePrice, "rule", indentedTotals, thanksFooter],
    columns: [28, 36],
    mono: 0.1,
  },
  "receipt-bar": {
    parts: [leftHeader, inlineMeta, "rule", twoLineItems, ruledTotals, thanksFooter],
    columns: [26, 34],
    mono: 0.6,
  },
  "receipt-books": {
    parts: [centredHeader, "rule", tableThree, "rule", indentedTotals, "rule", pairMeta, codeFooter],
    columns: [34, 44],
    mono: 0.3,
  },
  "receipt-online": {
    parts: [logoHeader, "rule", labelMeta, "rule", tableFour, "rule", plainTotals],
    columns: [40, 50],
    mono: 0.05,
  },
  "receipt-salon": {
    parts: [centredHeader, pairMeta, "rule", numberedItems, "rule", plainTotals, paymentPairs, thanksFooter],
    columns: [28, 38],
    mono: 0.3,
  },
  "receipt-market": {
    parts: [inlineMeta, "rule", namePrice, "rule", bigTotals, "rule", centredHeader],
    columns: [24, 34],
    mono: 0.8,
  },
  "receipt-canteen": {
    parts: [leftHeader, "rule", numberedItems, "rule", ruledTotals, inlineMeta, noPayment],
    columns: [26, 36],
    mono: 0.7,
  },
  "receipt-hotel": {
    parts: [logoHeader, "rule", pairMeta, labelMetaRule(), tableThree, ruledTotals, paymentPairs],
    columns: [36, 46],
    mono: 0.2,
  },
  "receipt-pharmacy": {
    parts: [bandHeader, labelMeta, "rule", priceFirst, "rule", ruledTotals, codeFooter],
    columns: [30, 40],
    mono: 0.6,
  },
  "receipt-fuel": {
    parts: [centredHeader, "rule", totalFirst(), "rule", twoLineItems, "rule", paymentPairs, inlineMeta],
    columns: [26, 34],
    mono: 0.9,
  },
  "receipt-ticket": {
    parts: [inlineMeta, bandHeader, "rule", priceFirst, bigTotals, codeFooter],
    columns: [24, 32],
    mono: 0.5,
  },
  "receipt-boxed": {
    parts: [leftHeader, boxed(codedItems), boxed(plainTotals), pairMeta],
    columns: [34, 44],
    mono: 0.4,
  },
};

/** A blank line between two blocks of one part. */
function labelMetaRule(): Part {
  return ({ kit }) => [space(kit.body.size * 0.6)];
}

/** The amount to pay before what it is for. */
function totalFirst(): Part {
  return (context) => bigTotals(context).slice(-1);
}

/** A part inside a drawn frame. */
function boxed(part: Part): Part {
  return (context) => {
    const { size, colour } = context.kit.body;
    return [
      stack(part({ ...context, width: context.width - size }), {
        frame: {
          padding: size * 0.5,
          draw: (canvas, width, height) => {
            canvas.strokeStyle = colour;
            canvas.lineWidth = Math.max(1, size / 12);
            canvas.strokeRect(1, 1, width - 2, height - 2);
          },
        },
      }),
    ];
  };
}

const inks = ["#111111", "#222222", "#333333", "#1c1c3a", "#3a3a3a", "#2b1d3a"];

/** A shop's receipt: a random sale printed by one of the templates of the split. */
export const composeReceipt: Compose = (context): Composed => {
  const { random, splits } = context;
  const name = pick(random, templatesOf(Object.keys(templates), splits.templates));
  const template = templates[name];
  const kit = typeKit(context, { mono: template.mono, ink: pick(random, inks), titleScale: [1.1, 1.9], upper: 0.25 });
  const width = Math.round(
    between(random, ...template.columns) * kit.body.size * (kit.body.face.family.role === "mono" ? 0.6 : 0.52),
  );
  const ruleStyle: RuleStyle = pick(random, ruleStyles);
  const parts: ReceiptContext = {
    random,
    kit,
    sale: drawSale(context),
    labels: moneyLabels(random),
    rule: ruleStyle,
    width,
  };
  const blocks = template.parts.flatMap((part): Block[] => (part === "rule" ? [rule(kit, ruleStyle)] : part(parts)));
  const margin = Math.round(kit.body.size * between(random, 0.5, 2));
  const placed = layout(stack(blocks), { width, margin });
  const thermal = chance(random, 0.6);
  const paper = Math.round(between(random, 228, 255));
  return {
    scene: {
      ...placed,
      paper: `rgb(${paper},${paper},${Math.round(paper * (chance(random, 0.2) ? 0.93 : 1))})`,
      coloured: false,
    },
    template: name,
    printer: thermal ? "thermal" : kit.body.face.family.role === "mono" && chance(random, 0.3) ? "needle" : "offset",
    fontPixels: Math.min(kit.small.size, kit.body.size),
    inverted: 0.01,
  };
};
