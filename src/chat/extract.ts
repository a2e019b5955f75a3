import { ArgumentError } from "../base/errors.ts";
import { type FileGeometry, fileBox } from "../image/geometry.ts";
import type { Box } from "../image/rgb-image.ts";
import type { Answer, AnswerToken } from "./answer.ts";
import { boxedSchema, unboxed } from "./boxed-schema.ts";
import type { ChatOptions } from "./chat-options.ts";
import { jsonSchemaOf } from "./constraint.ts";
import { type JsonLeaf, jsonLeaves } from "./json-leaves.ts";

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
  /** Probability that the model gave to just this value: the product over its tokens, 0…1. */
  readonly confidence: number;
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
    const confidence = confidenceOf(leaf, answer.tokens);
    return [{ path, value: leaf.value, confidence, ...(box === undefined ? {} : { box }) }];
  });
  return { value: await validated<T>(schema, value), fields, answer };
}

/** Path of a leaf without its wrapper; undefined for the numbers of a box. */
function valuePath(path: JsonLeaf["path"]): JsonLeaf["path"] | undefined {
  if (path.at(-1) === "value") return path.slice(0, -1);
  return path.at(-1) === "box" || path.at(-2) === "box" ? undefined : path;
}

function confidenceOf({ start, end }: JsonLeaf, tokens: readonly AnswerToken[]): number {
  let sum = 0;
  let at = 0;
  for (const { text, logProbability } of tokens) {
    const next = at + text.length;
    // a token without text of its own starts a character that a later one completes
    if (next > start && at < end) sum += logProbability;
    at = next;
  }
  return Math.exp(sum);
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
