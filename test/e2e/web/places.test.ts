import { expect, test } from "vitest";
import { jsonIn, placesOf } from "../../../apps/web/src/page/places.ts";

// catches boxes that are shown as text, or drawn with corners that trade places
test("places are taken out of the text and scaled to the picture's sides", () => {
  const { text, places } = placesOf(
    "Total <ref>42.00</ref><box>500 900 250 1000</box>, date <box>0, 10, 20, 30</box>.",
  );
  expect(text).toBe("Total 42.00, date .");
  expect(places).toEqual([
    { label: "42.00", x0: 0.25, y0: 0.9, x1: 0.5, y1: 1 },
    { label: "Place 2", x0: 0, y0: 0.01, x1: 0.02, y1: 0.03 },
  ]);
});

// catches a half-written box that is drawn, and numbers beyond the picture
test("what is no whole box stays text, and places stay inside the picture", () => {
  expect(placesOf("<box>1 2 3").text).toBe("<box>1 2 3");
  expect(placesOf("<box>0 0 5000 9999</box>").places[0]).toMatchObject({ x1: 1, y1: 1 });
});

// would catch: "Place 1" shown for a value that stands right before its place
test("a place without a label is called by the value before it", () => {
  const { places } = placesOf("12.99<box>1 2 3 4</box>\n4 May<box>5 6 7 8</box>");
  expect(places.map(({ label }) => label)).toEqual(["12.99", "4 May"]);
});

// catches prose that is offered as JSON, and JSON in a fence that is not found
test("JSON is found where it is", () => {
  expect(jsonIn('Here:\n```json\n{"total":"42.00"}\n```')).toBe('{\n  "total": "42.00"\n}');
  expect(jsonIn('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(jsonIn("{not json}")).toBeUndefined();
  expect(jsonIn("42")).toBeUndefined();
});
