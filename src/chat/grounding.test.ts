import { expect, test } from "vitest";
import { namedPlaces, placesInFile } from "./grounding.ts";

// catches labels that stick to the wrong box, and numbers read across marks
test("finds boxes, points and quads with their labels", () => {
  const text =
    "<ref>cat</ref><box>10 20 500 600</box> and <ref>dog</ref> <point>1 2</point>, <quad>0 0 9 0 9 9 0 9</quad> <box>1 2</box>";
  const places = namedPlaces(text);
  expect(places.map(({ kind, label }) => [kind, label])).toEqual([
    ["box", "cat"],
    ["point", "dog"],
    ["quad", "dog"],
  ]);
  expect(places[0].points).toEqual([
    { x: 10, y: 20 },
    { x: 500, y: 600 },
  ]);
  expect(text.slice(places[0].start, places[0].end)).toBe("<box>10 20 500 600</box>");
});

// catches one label's several boxes being lost
test("several boxes in one mark all bear its label", () => {
  const places = namedPlaces("<ref>cup</ref><box>(1,2,3,4)(5,6,7,8)</box><box>9 9 10 10</box>");
  expect(places.map(({ label }) => label)).toEqual(["cup", "cup", "cup"]);
});

// catches coordinates that ignore how the camera was held: stored 200×100, shown upright as 100×200
test("a box comes in pixels of the file as stored, through its orientation", () => {
  const file = { stored: { width: 200, height: 100 }, orientation: 6 } as const;
  const [place] = placesInFile(namedPlaces("<box>0 0 500 250</box>"), file);
  // upright: x 0…50 of 100, y 0…50 of 200; orientation 6 turns the stored picture clockwise to show it
  expect(place.box).toEqual({ x0: 0, y0: 50, x1: 50, y1: 100 });
});

// catches a place outside the picture
test("coordinates beyond the picture end at its edge", () => {
  const [place] = placesInFile(namedPlaces("<box>-5 0 1200 1000</box>"), {
    stored: { width: 40, height: 30 },
    orientation: 1,
  });
  expect(place.box).toEqual({ x0: 0, y0: 0, x1: 40, y1: 30 });
});
