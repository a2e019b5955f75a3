import { type TokenId, tokenId } from "../base/brand.ts";
import { ArgumentError } from "../base/errors.ts";
import type { ModelRuntime } from "../runtime/model-runtime.ts";
import type { Constraint } from "../runtime/sampling/sampler.ts";
import { compileSchema } from "./constrained/compile-schema.ts";
import { ConstrainedDecoder } from "./constrained/constrained-decoder.ts";
import { TokenMasker } from "./constrained/token-masker.ts";
import type { ChatTemplate } from "./templates/chat-template.ts";

/** The masker of a model's vocabulary, built at the first schema. */
export type MaskerCache = Map<"masker", TokenMasker>;

/** A constraint that keeps an answer within a schema; undefined without one. Throws the schema errors. */
export function schemaConstraint(
  context: { readonly runtime: ModelRuntime; readonly template: ChatTemplate; readonly maskers: MaskerCache },
  schema: unknown,
): Constraint | undefined {
  if (schema === undefined) return undefined;
  const { tokenizer } = context.runtime;
  let masker = context.maskers.get("masker");
  if (masker === undefined) {
    const ends = context.template.stopTokens.flatMap((token): TokenId[] => {
      const id = tokenizer.findId(token);
      return id === undefined ? [] : [id];
    });
    masker = new TokenMasker(tokenizer, ends);
    context.maskers.set("masker", masker);
  }
  const decoder = new ConstrainedDecoder(compileSchema(jsonSchemaOf(schema)), masker, tokenizer);
  return { mask: () => decoder.mask(), accept: (id) => decoder.accept(tokenId(id)) };
}

interface StandardJsonSchema {
  readonly jsonSchema?: { readonly output?: (options: { readonly target: string }) => unknown };
}

/** The JSON schema of what a caller gave: itself, or that of a library that follows Standard JSON Schema (zod 4.2). */
export function jsonSchemaOf(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null || !("~standard" in schema)) return schema;
  const standard = schema["~standard"] as StandardJsonSchema;
  const convert = standard.jsonSchema?.output;
  if (convert !== undefined) return convert({ target: "draft-2020-12" });
  throw new ArgumentError(
    "The schema comes from a library that cannot write itself as JSON schema.",
    "Use zod 4.2 or newer, or pass z.toJSONSchema(schema).",
  );
}
