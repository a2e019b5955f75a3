import { DataSampleError, type SamplePlace } from "../errors.ts";
import { type ChatSample, type ChatTurn, markCount, type PlacedSample } from "./sample.ts";

/** A JSON object of a data file, read field by field. Every miss is a DataSampleError that names the sample. */
export class SampleFields {
  readonly place: SamplePlace;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(value: unknown, place: SamplePlace) {
    if (!isRecord(value)) throw new DataSampleError(place, `it is ${kindOf(value)}, not an object`);
    const id = typeof value.id === "string" || typeof value.id === "number" ? String(value.id) : place.id;
    this.place = id === undefined ? place : { ...place, id };
    this.#values = value;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  raw(name: string): unknown {
    return this.#values[name];
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value === "string") return value;
    throw new DataSampleError(this.place, `its field "${name}" is ${kindOf(value)}, not text`);
  }

  list(name: string): readonly unknown[] {
    const value = this.#values[name];
    if (Array.isArray(value)) return value;
    throw new DataSampleError(this.place, `its field "${name}" is ${kindOf(value)}, not a list`);
  }

  /** Objects of a list. */
  records(name: string): readonly SampleFields[] {
    return this.list(name).map((value) => new SampleFields(value, this.place));
  }

  fail(problem: string): never {
    throw new DataSampleError(this.place, problem);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `of type ${typeof value}`;
}

/** Entries of an object whose values are text. */
export function textEntries(fields: SampleFields, name: string): ReadonlyMap<string, string> {
  const value = fields.raw(name);
  if (!isRecord(value)) fields.fail(`its field "${name}" is ${kindOf(value)}, not an object`);
  const inner = new SampleFields(value, fields.place);
  return new Map(Object.keys(value).map((key) => [key, inner.text(key)]));
}

/** A file that is one JSON array. Throws DataSampleError for the file when it is none. */
export function jsonArray(text: string, file: string): readonly SampleFields[] {
  const value = parseJson(text, { file });
  if (!Array.isArray(value)) throw new DataSampleError({ file }, `the file is ${kindOf(value)}, not a list of samples`);
  return value.map((entry: unknown, index) => new SampleFields(entry, { file, index }));
}

/** A file with one JSON object a line; empty lines are passed over. */
export function jsonLines(text: string, file: string): readonly SampleFields[] {
  return text.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    const place: SamplePlace = { file, line: i + 1 };
    return [new SampleFields(parseJson(line, place), place)];
  });
}

function parseJson(text: string, place: SamplePlace): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new DataSampleError(place, `this is not JSON (${said})`, "Correct the line, or write the file again.", {
      cause,
    });
  }
}

/** Checks what every format promises: a user before an assistant, and one picture for each mark. */
export function checkedSample(sample: ChatSample, fields: SampleFields): PlacedSample {
  const { turns, images } = sample;
  const first = turns.find(({ role }) => role !== "system");
  if (first?.role !== "user") fields.fail("the conversation does not start with a user");
  if (!turns.some(({ role }) => role === "assistant")) fields.fail("the conversation has no answer");
  const marks = markCount(turns);
  if (marks !== images.length)
    fields.fail(`its text has ${marks} <image> marks and it lists ${images.length} pictures`);
  return { ...sample, place: fields.place };
}

const ROLES: Readonly<Record<string, ChatTurn["role"]>> = {
  system: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
};

/** A turn's role under any of its usual names. */
export function roleOf(fields: SampleFields, name: string): ChatTurn["role"] {
  const said = fields.text(name);
  return ROLES[said] ?? fields.fail(`a turn's ${name} is "${said}", not user or assistant`);
}
