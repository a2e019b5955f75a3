import { ArgumentError } from "../base/errors.ts";
import { type FileGeometry, fileBox } from "../image/geometry.ts";
import type { Box } from "../image/rgb-image.ts";
import type { Answer } from "./answer.ts";
import { boxedSchema, unboxed } from "./boxed-schema.ts";
import type { ChatOptions } from "./chat-options.ts";
import { jsonSchemaOf } from "./constraint.ts";
import { type JsonLeaf, jsonLeaves } from "./json-leaves.ts";
import { spanProbability } from "./readings.ts";

/** A schema that knows the type of its values (Standard Schema, which zod follows). */
export interface TypedSchema<T> {
  readonly "~standard": {
    readonly types?: { readonly output: T } | undefined;
    readonly validate?: (value: unknown) => StandardResult<T> | Promise<StandardResult<T>>;
  };
}

interface StandardResult<T> {
  readonly value?: T;
  readonly issues?: readonly { readonly message: string; readonly path?: readonly unknown[] }[] | undefined;
}

/** One value that was read. */
export interface ExtractedField {
  readonly path: readonly (string | number)[];
  readonly value: string | number | boolean | null;
  /**
   * Probability that the model gave to just this value: the product over its tokens, 0…1. The built-in reader's is
   * calibrated: the share of values of this confidence that were right.
   */
  readonly confidence: number;
  /** False where the built-in reader did not find the value, or is not sure enough; the value is null then. */
  readonly isShown: boolean;
  /** Where it stands, in pixels of the picture's file, if boxes were asked for and the model gave one. */
  readonly box?: Box;
}

/** What a picture says, in the schema's form. */
export interface Extraction<T> {
  readonly value: T;
  readonly fields: readonly ExtractedField[];
  readonly answer: Answer;
}

export interface ExtractOptions extends Omit<ChatOptions, "schema" | "beams"> {
  /** What to look for, instead of a general instruction. */
  readonly question?: string | undefined;
  /** Asks for the place of each value too. */
  readonly boxes?: boolean | undefined;
}

/** The question and the schema that an extraction asks with. */
export function extractionRequest(
  schema: unknown,
  { question, boxes = false }: ExtractOptions,
): { readonly text: string; readonly schema: unknown } {
  const plain = jsonSchemaOf(schema);
  const asked = boxes ? boxedSchema(plain) : plain;
  const lead = question ?? "Read this picture and give what it shows as JSON.";
  const where = boxes ? " Give for each value its box as four numbers from 0 to 1000: left, top, right, bottom." : "";
  return { text: `${lead}${where} Follow this JSON schema: ${JSON.stringify(asked)}`, schema: asked };
}

/** Takes an answer apart by the schema it was asked with. Throws ArgumentError where it is not whole or not valid. */
export async function readExtraction<T>(
  schema: unknown,
  answer: Answer,
  { file, boxes = false }: { readonly file: FileGeometry | undefined; readonly boxes?: boolean | undefined },
): Promise<Extraction<T>> {
  const text = answer.tokens.map((token) => token.text).join("");
  if (answer.finishReason === "length") {
    throw new ArgumentError(
      `The answer ends before it is whole, after ${answer.tokens.length} tokens.`,
      "Raise maxNewTokens, or ask for less at once.",
    );
  }
  const leaves = jsonLeaves(text);
  const parsed: unknown = JSON.parse(text);
  const places = new Map<string, Box>();
  const value = !boxes
    ? parsed
    : unboxed(jsonSchemaOf(schema), parsed, (path, [x0, y0, x1, y1]) => {
        if (file !== undefined)
          places.set(JSON.stringify(path), fileBox({ x0, y0, x1, y1 }, { kind: "picture" }, file));
      });
  const fields = leaves.flatMap((leaf): ExtractedField[] => {
    const path = boxes ? valuePath(leaf.path) : leaf.path;
    if (path === undefined) return [];
    const box = places.get(JSON.stringify(path));
    const confidence = spanProbability(answer, leaf.start, leaf.end);
    return [{ path, value: leaf.value, confidence, isShown: true, ...(box === undefined ? {} : { box }) }];
  });
  return { value: await validated<T>(schema, value), fields, answer };
}

/** Path of a leaf without its wrapper; undefined for the numbers of a box. */
function valuePath(path: JsonLeaf["path"]): JsonLeaf["path"] | undefined {
  if (path.at(-1) === "value") return path.slice(0, -1);
  return path.at(-1) === "box" || path.at(-2) === "box" ? undefined : path;
}

const SPAN = 1000;

/** Boxes of the upright picture as boxes of its file. */
export function placedFields(
  fields: readonly ExtractedField[],
  { width, height }: { readonly width: number; readonly height: number },
  file: FileGeometry,
): readonly ExtractedField[] {
  return fields.map((field) => {
    const { box } = field;
    if (box === undefined) return field;
    const { x0, y0, x1, y1 } = box;
    const [across, down] = [SPAN / width, SPAN / height];
    const shares = { x0: x0 * across, y0: y0 * down, x1: x1 * across, y1: y1 * down };
    return { ...field, box: fileBox(shares, { kind: "picture" }, file) };
  });
}

/** The value of the built-in reader as the schema's type; what is not shown is left out where it may be. */
export async function shownValue<T>(schema: unknown, value: unknown, fields: readonly ExtractedField[]): Promise<T> {
  if (!isTyped<T>(schema)) return value as T;
  for (const candidate of [value, withoutNulls(value)]) {
    const result = await schema["~standard"].validate?.(candidate);
    if (result === undefined) return candidate as T;
    if (result.issues === undefined) return result.value as T;
  }
  const missing = fields.filter(({ isShown }) => !isShown).map(({ path }) => path.join("."));
  throw new ArgumentError(
    `The picture does not show ${missing.join(", ") || "what the schema wants"}, or not clearly enough.`,
    "Make what may be missing optional or nullable.",
  );
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutNulls(each)]));
}

async function validated<T>(schema: unknown, value: unknown): Promise<T> {
  if (!isTyped<T>(schema)) return value as T;
  const result = await schema["~standard"].validate?.(value);
  if (result?.issues === undefined) return (result === undefined ? value : result.value) as T;
  const issues = result.issues.map(({ message, path = [] }) => `${path.join(".")}: ${message}`).join("; ");
  throw new ArgumentError(
    `The answer does not satisfy the schema: ${issues}.`,
    "Loosen the schema or ask differently.",
  );
}

function isTyped<T>(schema: unknown): schema is TypedSchema<T> {
  return typeof schema === "object" && schema !== null && "~standard" in schema;
}
