import { ArgumentError } from "../base/errors.ts";
import type { Box } from "../image/rgb-image.ts";
import type { ReaderTraits } from "../model/minicpmv/version.ts";
import type { Answer, AnswerToken } from "./answer.ts";
import { type Calibration, calibrated } from "./calibration.ts";
import { jsonSchemaOf } from "./constraint.ts";
import type { ExtractedField } from "./extract.ts";
import { type FieldSchema, ITEM_NAMES_QUESTION, ITEMS_QUESTION, itemPart, questionFor } from "./field-questions.ts";
import { type JsonLeaf, jsonLeaves } from "./json-leaves.ts";
import { type PrintedValue, printedValue } from "./printed-value.ts";
import { spanProbability } from "./readings.ts";

/** What reading a schema value by value needs. */
export interface FieldReader {
  readonly reader: ReaderTraits;
  readonly calibration: Calibration;
  /** Answers one question about the picture. */
  ask(question: string): Promise<Answer>;
}

/** What was read: the value in the schema's form, with null where the picture does not show it. */
export interface FieldsRead {
  readonly value: unknown;
  readonly fields: readonly ExtractedField[];
  readonly answers: readonly Answer[];
}

type Path = ExtractedField["path"];

/**
 * Fills a schema by asking for each of its values: the built-in reader knows questions, not schemas. Rows of a list are
 * asked for together. Throws ArgumentError for a schema whose values cannot be asked for one by one.
 */
export async function readFields(fieldReader: FieldReader, schema: unknown): Promise<FieldsRead> {
  const root = jsonSchemaOf(schema);
  if (!isRecord(root)) throw unreadable([], "is no object");
  const job = new FieldJob(fieldReader, root);
  const value = await job.read(root, []);
  return { value, fields: job.fields, answers: job.answers };
}

class FieldJob {
  readonly fields: ExtractedField[] = [];
  readonly answers: Answer[] = [];
  readonly #reader: FieldReader;
  readonly #root: FieldSchema;

  constructor(reader: FieldReader, root: FieldSchema) {
    this.#reader = reader;
    this.#root = root;
  }

  async read(given: FieldSchema, path: Path): Promise<unknown> {
    const schema = this.#plain(given, path);
    if (isRecord(schema.properties)) {
      const value: Record<string, unknown> = {};
      // one after the other: each finds the picture in the cache
      for (const [name, each] of Object.entries(schema.properties)) {
        if (isRecord(each)) value[name] = await this.read(each, [...path, name]);
      }
      return value;
    }
    if (isRecord(schema.items)) return this.#list(this.#plain(schema.items, path), path);
    return this.#leaf(schema, path);
  }

  async #leaf(schema: FieldSchema, path: Path): Promise<PrintedValue> {
    const answer = await this.#ask(questionFor(String(path.at(-1) ?? "text"), schema));
    const place = answer.places.at(0);
    const end = place?.start ?? answer.text.length;
    const text = answer.text.slice(0, end).trim();
    const given = place === undefined ? Math.exp(answer.logProbability) : spanProbability(answer, 0, end + 1);
    return this.#note({ schema, path, text, given, box: place?.box });
  }

  /** Rows of items, or names alone. */
  async #list(row: FieldSchema, path: Path): Promise<unknown> {
    if (!isRecord(row.properties)) {
      const { text, logProbability } = await this.#ask(ITEM_NAMES_QUESTION);
      if (this.#isNothing(text)) return [];
      return text
        .split("\n")
        .map((line, i) => this.#note({ schema: row, path: [...path, i], text: line, given: Math.exp(logProbability) }));
    }
    const parts = Object.entries(row.properties).map(([name, schema]) => ({ name, schema, part: itemPart(name) }));
    const unknown = parts.find(({ part }) => part === undefined);
    if (unknown !== undefined) throw unreadable([...path, unknown.name], "is no name, quantity or price of a row");
    const answer = await this.#ask(ITEMS_QUESTION);
    if (this.#isNothing(answer.text)) return [];
    const leaves = leavesOf(answer);
    const count = Math.max(-1, ...leaves.map((leaf) => Number(leaf.path[0]))) + 1;
    return Array.from({ length: count }, (_, i) =>
      Object.fromEntries(
        parts.map(({ name, schema, part }) => {
          const leaf = leaves.find((each) => each.path[0] === i && each.path[1] === part);
          const given = leaf === undefined ? 1 : spanProbability(answer, leaf.start, leaf.end);
          const text = leaf === undefined ? this.#reader.reader.notShown : String(leaf.value);
          const own = this.#plain(isRecord(schema) ? schema : {}, [...path, name]);
          return [name, this.#note({ schema: own, path: [...path, i, name], text, given })];
        }),
      ),
    );
  }

  async #ask(question: string): Promise<Answer> {
    const answer = await this.#reader.ask(question);
    this.answers.push(answer);
    return answer;
  }

  /** What the model says where it has read nothing. */
  #isNothing(text: string): boolean {
    const { outOfScope, notShown } = this.#reader.reader;
    return text === "" || text === notShown || text === outOfScope;
  }

  #note(found: {
    readonly schema: FieldSchema;
    readonly path: Path;
    readonly text: string;
    readonly given: number;
    readonly box?: Box | undefined;
  }): PrintedValue {
    const { schema, path, text, given, box } = found;
    const { calibration } = this.#reader;
    const confidence = calibrated(calibration, given);
    const read = this.#isNothing(text) ? undefined : printedValue(text, schema);
    const isShown = read !== undefined && confidence >= calibration.threshold;
    const value = isShown ? read : null;
    this.fields.push({ path, value, confidence, isShown, ...(isShown && box !== undefined ? { box } : {}) });
    return value;
  }

  /** Without references into the schema's own definitions, and without a "null" beside the real type. */
  #plain(schema: FieldSchema, path: Path): FieldSchema {
    const { $ref: reference, anyOf } = schema;
    if (typeof reference === "string") {
      const target = reference
        .replace(/^#\/?/, "")
        .split("/")
        .filter((step) => step !== "")
        .reduce<unknown>((at, step) => (isRecord(at) ? at[step] : undefined), this.#root);
      // a definition that holds itself has no end
      if (!isRecord(target) || "$ref" in target || path.length > MOST_DEPTH) throw unreadable(path, `is ${reference}`);
      return this.#plain(target, path);
    }
    if (!Array.isArray(anyOf)) return schema;
    const real = anyOf.filter((each) => isRecord(each) && each.type !== "null");
    if (real.length !== 1) throw unreadable(path, `has ${real.length} forms to choose from`);
    return this.#plain({ ...schema, anyOf: undefined, ...real[0] }, path);
  }
}

const MOST_DEPTH = 32;

/** The leaves of a JSON answer; none where it is not whole. */
function leavesOf(answer: Answer): readonly JsonLeaf[] {
  try {
    return jsonLeaves(answer.text);
  } catch (error) {
    if (error instanceof ArgumentError) return [];
    throw error;
  }
}

function unreadable(path: Path, problem: string): ArgumentError {
  return new ArgumentError(
    `The built-in reader cannot fill this schema: ${path.join(".") || "it"} ${problem}.`,
    "Give it plain properties and lists of rows with name, quantity and price, or load a MiniCPM-V model.",
  );
}

/** One answer out of several: their JSON as its text, with what they cost together. */
export function joinedAnswer(value: unknown, answers: readonly Answer[]): Answer {
  const sum = (of: (answer: Answer) => number): number => answers.reduce((total, answer) => total + of(answer), 0);
  const tokens: readonly AnswerToken[] = answers.flatMap((answer) => answer.tokens);
  const decodeMs = sum(({ timings }) => timings.decodeMs);
  return {
    text: JSON.stringify(value),
    thinking: "",
    finishReason: answers.some(({ finishReason }) => finishReason === "length") ? "length" : "stop",
    places: answers.flatMap(({ places }) => places),
    tokens,
    logProbability: sum(({ logProbability }) => logProbability),
    usage: {
      promptTokens: sum(({ usage }) => usage.promptTokens),
      reusedTokens: sum(({ usage }) => usage.reusedTokens),
      pictureTokens: Math.max(0, ...answers.map(({ usage }) => usage.pictureTokens)),
      completionTokens: sum(({ usage }) => usage.completionTokens),
    },
    timings: {
      preprocessMs: sum(({ timings }) => timings.preprocessMs),
      encodeMs: sum(({ timings }) => timings.encodeMs),
      prefillMs: sum(({ timings }) => timings.prefillMs),
      decodeMs,
      firstTokenMs: answers[0]?.timings.firstTokenMs ?? 0,
      tokensPerSecond: decodeMs > 0 ? (Math.max(0, tokens.length - answers.length) / decodeMs) * 1000 : 0,
    },
  };
}

function isRecord(value: unknown): value is FieldSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
