import { expect, test } from "vitest";
import { StringList } from "../base/string-list.ts";
import { CheckpointEntryError } from "./errors.ts";
import type { GgufValue } from "./gguf/value.ts";
import { Metadata } from "./metadata.ts";

const metadata = new Metadata(
  "model.gguf",
  new Map<string, GgufValue>([
    ["name", { type: "string", value: "MiniCPM" }],
    ["layers", { type: "u32", value: 24 }],
    ["small", { type: "u64", value: 5n }],
    ["huge", { type: "u64", value: 2n ** 60n }],
    ["flag", { type: "bool", value: false }],
    ["tokens", { type: "array", array: { type: "string", values: StringList.from(["a", "b"]) } }],
    ["mean", { type: "array", array: { type: "f32", values: Float32Array.of(0.5) } }],
  ]),
);

test("values come with their kind, whatever width the file gave them", () => {
  expect(metadata.string("name")).toBe("MiniCPM");
  expect(metadata.number("layers")).toBe(24);
  expect(metadata.number("small")).toBe(5);
  expect(metadata.boolean("flag")).toBe(false);
  expect(metadata.strings("tokens")?.toArray()).toEqual(["a", "b"]);
  expect(metadata.numbers("mean")).toEqual(Float32Array.of(0.5));
});

test("an absent key is undefined for every kind", () => {
  const found = [
    metadata.string("absent"),
    metadata.number("absent"),
    metadata.boolean("absent"),
    metadata.strings("absent"),
    metadata.numbers("absent"),
  ];
  expect(found).toEqual(new Array(5).fill(undefined));
});

// A string where a number belongs must not become NaN, nor a 64-bit number lose its last digits.
test("a value of another kind is refused with key, value and file", () => {
  expect(() => metadata.number("name")).toThrow(/model\.gguf: metadata key name is string MiniCPM, not a number/);
  expect(() => metadata.number("huge")).toThrow(CheckpointEntryError);
  expect(() => metadata.string("layers")).toThrow(/u32 24, not a string/);
  expect(() => metadata.boolean("layers")).toThrow(CheckpointEntryError);
  expect(() => metadata.strings("mean")).toThrow(/an array of f32, not an array of strings/);
  expect(() => metadata.numbers("tokens")).toThrow(/an array of string, not an array of numbers/);
});
