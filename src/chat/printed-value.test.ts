import { expect, test } from "vitest";
import { printedNumber, printedValue } from "./printed-value.ts";

// would catch: cents read as thousands, grouping read as a decimal mark, and a date or a phone number read as an amount
test.each([
  ["12.99", 12.99],
  ["12,99", 12.99],
  ["1.234,50 €", 1234.5],
  ["$1,234.50", 1234.5],
  ["1,234", 1234],
  ["1.234.567", 1234567],
  ["EUR 42.28", 42.28],
  ["-EUR 1.32", -1.32],
  ["€-5", -5],
  ["5.00-", -5],
  ["0.125", 0.125],
  ["3x", 3],
  ["1 234,5", 1234.5],
  ["1'234.50", 1234.5],
  ["Total", undefined],
  ["not shown", undefined],
  ["", undefined],
])("%j prints the number %s", (text, number) => {
  expect(printedNumber(text)).toBe(number);
});

test.each([
  ["12.99", { type: "string" }, "12.99"],
  ["12.99", { type: "number" }, 12.99],
  ["12.99", { type: "integer" }, undefined],
  ["12", { type: ["null", "integer"] }, 12],
  ["CASH", { enum: ["card", "cash"] }, "cash"],
  ["x", { type: "boolean" }, true],
  ["anything", {}, "anything"],
])("%j as %j is %j", (text, schema, value) => {
  expect(printedValue(text, schema)).toBe(value);
});
