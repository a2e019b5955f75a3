import type { KindContext } from "./kind.ts";
import { between, chance, integer, pick, type Random } from "./random.ts";
import type { Split } from "./types.ts";
import {
  cents,
  date,
  drawValue,
  email,
  type MoneyStyle,
  money,
  moneyStyle,
  pattern,
  person,
  phone,
  street,
  time,
  town,
  valueSplit,
  web,
} from "./values.ts";
import { capitalised, cities, companyNouns, dishes, goods, ingredients, lastNames, plainWords } from "./words.ts";

export interface Item {
  readonly name: string;
  readonly quantity: number;
  /** Price of one, printed. */
  readonly unit: string;
  /** Price of the line, printed. */
  readonly price: string;
  readonly code: string;
}

/** Everything a receipt or invoice may print, as strings, exactly as printed. Amounts add up. */
export interface Sale {
  readonly merchant: string;
  readonly tagline: string;
  readonly street: string;
  readonly town: string;
  readonly phone: string;
  readonly email: string;
  readonly website: string;
  readonly date: string;
  readonly time: string;
  readonly number: string;
  readonly cashier: string;
  readonly customer: string;
  readonly dueDate: string;
  readonly items: readonly Item[];
  readonly subtotal: string;
  readonly discount: string;
  readonly taxRate: string;
  readonly tax: string;
  readonly tip: string;
  readonly total: string;
  readonly method: string;
  readonly paid: string;
  readonly change: string;
  readonly card: string;
}

const trades = [
  "Cafe",
  "Market",
  "Foods",
  "Bakery",
  "Grill",
  "Store",
  "Deli",
  "Shop",
  "Bistro",
  "Kitchen",
  "Mart",
  "Hardware",
  "Books",
  "& Sons",
  "Ltd",
  "Inc.",
  "GmbH",
  "Bar",
  "Diner",
  "Outlet",
  "Supplies",
  "Trading Co.",
];

export function merchantName(random: Random): string {
  const [last, city, noun, adjective] = [
    pick(random, lastNames),
    pick(random, cities),
    capitalised(pick(random, companyNouns)),
    capitalised(pick(random, plainWords)),
  ];
  const trade = pick(random, trades);
  return pick(random, [
    `${last} ${trade}`,
    `${last}'s`,
    `${city} ${trade}`,
    `The ${adjective} ${noun.split(" ")[0]}`,
    `${adjective} ${trade}`,
    `${last} & ${pick(random, lastNames)}`,
    `${capitalised(pick(random, plainWords))} ${trade}`,
  ]);
}

const adjectives = [
  "Org",
  "Fresh",
  "Lg",
  "Sm",
  "Whole",
  "Iced",
  "Hot",
  "Spicy",
  "Red",
  "Green",
  "Half",
  "Double",
  "Extra",
  "Mini",
  "Classic",
  "Premium",
  "2%",
  "XL",
];

/** Name of something sold, at most 26 characters. */
export function itemName(random: Random): string {
  for (let tries = 0; tries < 20; tries++) {
    const base = pick(random, [
      pick(random, ingredients),
      pick(random, dishes),
      pick(random, goods),
      `${pick(random, plainWords)} ${pick(random, ingredients)}`,
    ]);
    const extra = chance(random, 0.2) ? `${pick(random, adjectives)} ` : "";
    const size = chance(random, 0.15)
      ? pick(random, [" 500g", " 1L", " 6pk", " 12oz", " 330ml", " x3", " 1kg", " 2pc"])
      : "";
    const name =
      extra +
      capitalised(
        base
          .normalize("NFD")
          .replace(/[^\u0020-\u007e]/g, "")
          .replace(/"/g, ""),
      ) +
      size;
    if (name.length >= 3 && name.length <= 26) return name;
  }
  return "Coffee";
}

const methods = [
  "Cash",
  "Card",
  "VISA",
  "Mastercard",
  "Debit card",
  "Credit card",
  "AMEX",
  "Contactless",
  "Gift card",
  "EFTPOS",
  "Maestro",
];

interface Priced {
  readonly cents: number;
  readonly make: (style: MoneyStyle) => Item;
}

function drawItems(random: Random, split: Split, count: number): Priced[] {
  const names = new Set<string>();
  for (let tries = 0; names.size < count && tries < count * 10; tries++) names.add(drawValue(random, split, itemName));
  return [...names].map((name) => {
    const quantity = chance(random, 0.3) ? integer(random, 2, 9) : 1;
    const unit = cents(random, 40, chance(random, 0.1) ? 90_000 : 4_000);
    const code = pattern(random, pick(random, ["999999", "9999", "A999", "99-999"]));
    return {
      cents: unit * quantity,
      make: (style) => ({ name, quantity, unit: money(unit, style), price: money(unit * quantity, style), code }),
    };
  });
}

/** Draws a sale whose printed values all belong to the split; totals are the sums of what is printed. */
export function drawSale({ random, stage, splits }: KindContext): Sale {
  const split = splits.values;
  const style = itemMoney(random);
  const totalStyle = totalMoney(random, style);
  const rate = pick(random, [5, 6, 7, 8, 8.25, 9.5, 10, 13, 19, 20]);
  for (let tries = 0; tries < 400; tries++) {
    const priced = drawItems(random, split, integer(random, ...stage.items));
    const sum = priced.reduce((total, item) => total + item.cents, 0);
    const discount = Math.round(sum * between(random, 0.03, 0.2));
    const withDiscount = chance(random, 0.15);
    const net = withDiscount ? sum - discount : sum;
    const tax = Math.round((net * rate) / 100);
    const tip = chance(random, 0.1) ? Math.round(net * pick(random, [0.1, 0.15, 0.18, 0.2])) : 0;
    const total = net + tax + tip;
    const paid = Math.ceil(total / 500) * 500;
    if (![split, "any"].includes(valueSplit(money(total, totalStyle)))) continue;
    return {
      ...drawParties(random, split),
      items: priced.map((item) => item.make(style)),
      subtotal: money(sum, style),
      discount: withDiscount ? money(-discount, style) : "",
      taxRate: `${rate}%`,
      tax: money(tax, style),
      tip: tip > 0 ? money(tip, style) : "",
      total: money(total, totalStyle),
      method: pick(random, methods),
      paid: money(paid, totalStyle),
      change: money(paid - total, totalStyle),
    };
  }
  throw new RangeError(`No sale of split "${split}" in 400 draws.`);
}

function itemMoney(random: Random): MoneyStyle {
  const style = moneyStyle(random);
  return chance(random, 0.6) ? { ...style, prefix: "", suffix: "" } : style;
}

/** Totals show the currency where the items leave it out. */
function totalMoney(random: Random, items: MoneyStyle): MoneyStyle {
  if (items.prefix !== "" || items.suffix !== "" || chance(random, 0.4)) return items;
  if (items.decimal === ",")
    return { ...items, ...pick(random, [{ prefix: "€" }, { suffix: " €" }, { prefix: "EUR " }]) };
  return { ...items, prefix: pick(random, ["$", "$", "$", "£", "€", "USD ", "GBP "]) };
}

type Parties = Omit<
  Sale,
  "items" | "subtotal" | "discount" | "taxRate" | "tax" | "tip" | "total" | "method" | "paid" | "change"
>;

function drawParties(random: Random, split: Split): Parties {
  return {
    merchant: drawValue(random, split, merchantName),
    tagline: pick(random, [
      "Since 1987",
      "Fresh every day",
      "Good food, good mood",
      "Your neighbourhood store",
      "Open 7 days a week",
      "Quality first",
      "Family owned",
      "Best in town",
    ]),
    street: drawValue(random, split, street),
    town: drawValue(random, split, town),
    phone: drawValue(random, split, phone),
    email: drawValue(random, split, email),
    website: drawValue(random, split, web),
    date: drawValue(random, split, date),
    time: time(random),
    number: drawValue(random, split, (r) =>
      pattern(r, pick(r, ["999999", "A-99999", "99999999", "INV-9999", "#9999", "2024-9999", "R999999", "XX9999"])),
    ),
    cashier: drawValue(random, split, person),
    customer: drawValue(random, split, person),
    dueDate: drawValue(random, split, date),
    card: `${pick(random, ["**** ", "XXXX ", "************", "x"])}${pattern(random, "9999")}`,
  };
}
