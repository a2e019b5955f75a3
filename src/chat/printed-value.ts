import type { FieldSchema } from "./field-questions.ts";

/** What a value may be once it is read. */
export type PrintedValue = string | number | boolean | null;

/**
 * A printed text as the type that a schema asks for; undefined where it is none. Numbers lose currency and grouping:
 * "1.234,50 €" is 1234.5.
 */
export function printedValue(text: string, schema: FieldSchema): PrintedValue | undefined {
  const { enum: choices, const: only } = schema;
  if (only !== undefined) return sameText(text, only) ? (only as PrintedValue) : undefined;
  if (Array.isArray(choices)) return choices.find((choice) => sameText(text, choice));
  for (const type of typesOf(schema)) {
    if (type === "string") return text;
    if (type === "number" || type === "integer") {
      const number = printedNumber(text);
      if (number !== undefined && (type === "number" || Number.isInteger(number))) return number;
    }
    if (type === "boolean") {
      if (/^(yes|true|x|✓|✔|☑|☒)$/i.test(text)) return true;
      if (/^(no|false)$/i.test(text)) return false;
    }
  }
  return undefined;
}

/** The types that a leaf allows; every leaf without one is a text. */
function typesOf({ type }: FieldSchema): readonly unknown[] {
  if (Array.isArray(type)) return type;
  return [type ?? "string"];
}

function sameText(text: string, choice: unknown): boolean {
  return String(choice).toLowerCase() === text.trim().toLowerCase();
}

/** The number that a text prints: its last point or comma is the decimal one unless three digits follow a lone kind. */
export function printedNumber(text: string): number | undefined {
  const match = /^[^\d.,-]*(-?)[^\d.,]*([\d.,'’ \u00a0]*\d)(?!.*\d)(-?)/u.exec(text.trim());
  if (match === null) return undefined;
  const digits = match[2].replaceAll(/['’ \u00a0]/g, "");
  const sign = match[1] === "-" || match[3] === "-" ? -1 : 1;
  const marks = digits.match(/[.,]/g) ?? [];
  const last = marks.at(-1);
  if (last === undefined) return sign * Number(digits);
  const at = digits.lastIndexOf(last);
  const isRepeated = marks.filter((mark) => mark === last).length > 1;
  const isGrouping = isRepeated || (new Set(marks).size === 1 && digits.length - at === 4 && !digits.startsWith("0"));
  const plain = digits.replaceAll(/[.,]/g, "");
  if (isGrouping) return sign * Number(plain);
  const decimals = digits.length - at - 1;
  return (sign * Number(plain)) / 10 ** decimals;
}
