/** A JSON schema as this module walks it. */
export type FieldSchema = Readonly<Record<string, unknown>>;

/** What the built-in reader is asked for the values that people ask for most; it was trained on these phrasings. */
export const FIELD_QUESTIONS: Readonly<Record<string, string>> = {
  merchant: "What is the name of the merchant?",
  street: "What is the street address?",
  town: "What is the city?",
  phone: "What is the phone number?",
  email: "What is the e-mail address?",
  website: "What is the website?",
  date: "What is the date?",
  time: "What time is printed?",
  number: "What is the receipt number?",
  cashier: "Who was the cashier?",
  customer: "Who is the customer?",
  dueDate: "When is it due?",
  subtotal: "What is the subtotal?",
  discount: "What is the discount?",
  tax: "How much is the tax?",
  tip: "How much is the tip?",
  total: "What is the total?",
  method: "How was it paid?",
  paid: "How much was paid?",
  change: "How much change was given?",
  card: "What are the card digits?",
  price: "What is the price?",
  product: "What is the product?",
  code: "What is the code?",
  name: "What is the name?",
  role: "What is the job title?",
  weight: "What is the weight?",
  heading: "What is the heading?",
  signature: "Who signed it?",
};

/** Other names of the same values, in lower case without spaces. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  merchant: ["merchantname", "shop", "shopname", "store", "storename", "seller", "vendor", "vendorname", "company"],
  street: ["address", "streetaddress", "addressline"],
  town: ["city", "place"],
  phone: ["phonenumber", "telephone", "tel"],
  email: ["emailaddress", "mail"],
  website: ["url", "web", "site"],
  date: ["day", "receiptdate", "invoicedate", "purchasedate"],
  number: ["receiptnumber", "invoicenumber", "ordernumber", "documentnumber", "receiptno", "invoiceno", "orderno"],
  cashier: ["server", "servedby"],
  customer: ["client", "buyer", "billto", "customername"],
  dueDate: ["duedate", "payableuntil"],
  subtotal: ["nettotal", "net"],
  tax: ["vat", "taxamount", "vatamount", "salestax"],
  tip: ["gratuity"],
  total: ["totalamount", "grandtotal", "amount", "amountdue", "sum", "totalprice"],
  method: ["paymentmethod", "payment"],
  paid: ["paidamount", "amountpaid", "amounttendered", "tendered"],
  card: ["cardnumber", "carddigits"],
  price: ["cost"],
  product: ["productname", "item"],
  code: ["id", "identifier"],
  role: ["jobtitle", "position"],
  weight: ["netweight"],
  heading: ["title"],
};

const KEY_OF = new Map(
  Object.keys(FIELD_QUESTIONS).flatMap((key) =>
    [key.toLowerCase(), ...(OTHER_NAMES[key] ?? [])].map((name) => [name, key] as const),
  ),
);

export const ITEMS_QUESTION = "List the items as JSON.";
export const ITEM_NAMES_QUESTION = "List the items.";
export const READ_QUESTION = "Read this.";

/** Names of properties whose value is the whole text. */
const WHOLE_TEXT = new Set(["text", "fulltext", "content", "transcript", "transcription", "lines"]);

/** The question for a property: its own description where that asks, a known phrasing, or its name as a printed label. */
export function questionFor(name: string, schema: FieldSchema): string {
  const { description, title } = schema;
  if (typeof description === "string" && description.trim().endsWith("?")) return description.trim();
  const words = typeof title === "string" ? title : wordsOf(name);
  for (const each of [name, words]) {
    const plain = each.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
    if (WHOLE_TEXT.has(plain)) return READ_QUESTION;
    const key = KEY_OF.get(plain);
    if (key !== undefined) return FIELD_QUESTIONS[key];
  }
  return `What is the ${words.toLowerCase()}?`;
}

/** "netWeight" and "net_weight" as "net weight". */
function wordsOf(name: string): string {
  return name
    .replaceAll(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1 $2")
    .replaceAll(/[_\-.]+/g, " ")
    .trim();
}

/** Which part of a listed item a property stands for: items are read as name, quantity and price. */
export function itemPart(name: string): "name" | "qty" | "price" | undefined {
  const plain = name.toLowerCase().replaceAll(/[^\p{L}]/gu, "");
  if (/^(name|description|item|product|title|label|text|itemname)$/.test(plain)) return "name";
  if (/^(qty|quantity|count|amount|number|units|pieces)$/.test(plain)) return "qty";
  return /^(price|cost|total|sum|itemprice|totalprice|lineprice|value)$/.test(plain) ? "price" : undefined;
}
