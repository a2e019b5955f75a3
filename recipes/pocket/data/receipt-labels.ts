import { chance, pick, type Random } from "./random.ts";

export interface MoneyLabels {
  readonly subtotal: string;
  readonly discount: string;
  readonly tax: string;
  readonly tip: string;
  readonly total: string;
  readonly payment: string;
  readonly change: string;
}

const words: Readonly<Record<keyof MoneyLabels, readonly string[]>> = {
  subtotal: ["Subtotal", "Sub-total", "Sub total", "Net", "Items total", "Net amount"],
  discount: ["Discount", "Savings", "Coupon", "Member discount"],
  tax: ["Tax", "Sales tax", "VAT", "GST", "HST", "Tax total", "VAT incl."],
  tip: ["Tip", "Gratuity", "Service"],
  total: [
    "Total",
    "TOTAL",
    "Total due",
    "Amount due",
    "Grand total",
    "Balance due",
    "Total to pay",
    "TOTAL AMOUNT",
    "Sum total",
  ],
  payment: ["Payment", "Paid by", "Tender", "Payment method", "Method"],
  change: ["Change", "Change due", "Cash back"],
};

/** One wording for each amount of a document. */
export function moneyLabels(random: Random): MoneyLabels {
  const colon = chance(random, 0.3) ? ":" : "";
  const upper = chance(random, 0.3);
  const label = (key: keyof MoneyLabels): string =>
    (upper ? pick(random, words[key]).toUpperCase() : pick(random, words[key])) + colon;
  return {
    subtotal: label("subtotal"),
    discount: label("discount"),
    tax: label("tax"),
    tip: label("tip"),
    total: label("total"),
    payment: label("payment"),
    change: label("change"),
  };
}
